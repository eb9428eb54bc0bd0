"""What bench/run is made of: servers and peers, what is measured of them, the table, the plots."""
