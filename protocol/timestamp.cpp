#include "quern/protocol/timestamp.h"

#include <algorithm>
#include <array>

namespace quern {
namespace {

constexpr std::int64_t ms_per_minute = 60'000;
constexpr std::int64_t ms_per_day = 86'400'000;

constexpr std::int64_t midnight_ms(std::chrono::year_month_day date) {
  return std::chrono::sys_days{date}.time_since_epoch().count() * ms_per_day;
}

constexpr std::int64_t ms_shown_min = midnight_ms(std::chrono::year{0} / std::chrono::January / 1);
constexpr std::int64_t ms_shown_max =
    midnight_ms(std::chrono::year{10'000} / std::chrono::January / 1) - 1;

// "00" to "99".
constexpr auto two_digits = [] {
  std::array<char, 200> text{};
  for (std::size_t i = 0; i < 100; ++i) {
    text[2 * i] = static_cast<char>('0' + i / 10);
    text[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return text;
}();

void put_two(char* out, std::size_t value) {
  out[0] = two_digits[2 * value];
  out[1] = two_digits[2 * value + 1];
}

// Takes a text apart from the front. Once something is not as expected it stays not ok.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

  // Exactly `count` digits that make at most `max`.
  int digits(std::size_t count, int max) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value * 10 + digit();
    if (value > max) ok_ = false;
    return value;
  }

  // One of `chars`, which is returned.
  char one_of(std::string_view chars) {
    if (rest_.empty() || chars.find(rest_.front()) == std::string_view::npos) {
      ok_ = false;
      return '\0';
    }
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  // A decimal fraction of a second, if there is one, cut to milliseconds.
  int fraction_ms() {
    if (!rest_.starts_with('.')) return 0;
    rest_.remove_prefix(1);
    int ms = 0;
    int scale = 100;
    do {
      ms += scale * digit();
      scale /= 10;
    } while (next_is_digit());
    return ms;
  }

 private:
  bool next_is_digit() const {
    return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
  }

  int digit() {
    if (!next_is_digit()) {
      ok_ = false;
      return 0;
    }
    const int value = rest_.front() - '0';
    rest_.remove_prefix(1);
    return value;
  }

  std::string_view rest_;
  bool ok_ = true;
};

// "2026-11-23", as its midnight.
std::int64_t scan_date(Scanner& scan, bool& valid) {
  const int year = scan.digits(4, 9999);
  scan.one_of("-");
  const int month = scan.digits(2, 12);
  scan.one_of("-");
  const int day = scan.digits(2, 31);
  const std::chrono::year_month_day date{std::chrono::year{year},
                                         std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  valid = date.ok();
  return valid ? midnight_ms(date) : 0;
}

// "09:10:00.123". Second 60 is refused: our times are Unix times, which have no leap seconds.
std::int64_t scan_time(Scanner& scan) {
  const int hour = scan.digits(2, 23);
  scan.one_of(":");
  const int minute = scan.digits(2, 59);
  scan.one_of(":");
  const int second = scan.digits(2, 59);
  return (hour * 60 + minute) * ms_per_minute + std::int64_t{second} * 1000 + scan.fraction_ms();
}

// "Z" or "+02:00": how far the local time is ahead of UTC.
std::int64_t scan_offset(Scanner& scan) {
  const char sign = scan.one_of("Zz+-");
  if (sign != '+' && sign != '-') return 0;
  const int hour = scan.digits(2, 23);
  scan.one_of(":");
  const int minute = scan.digits(2, 59);
  const std::int64_t ahead = (hour * 60 + minute) * ms_per_minute;
  return sign == '+' ? ahead : -ahead;
}

}  // namespace

void append_rfc3339(std::string& out, Timestamp t) {
  using std::chrono::floor;
  const std::chrono::sys_time<Duration> instant{
      Duration{std::clamp(t.ms, ms_shown_min, ms_shown_max)}};
  const auto day = floor<std::chrono::days>(instant);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss<Duration> time{instant - day};
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  const auto ms = static_cast<unsigned>(time.subseconds().count());

  char text[] = "0000-00-00T00:00:00.000Z";
  put_two(text, year / 100);
  put_two(text + 2, year % 100);
  put_two(text + 5, static_cast<unsigned>(date.month()));
  put_two(text + 8, static_cast<unsigned>(date.day()));
  put_two(text + 11, static_cast<unsigned>(time.hours().count()));
  put_two(text + 14, static_cast<unsigned>(time.minutes().count()));
  put_two(text + 17, static_cast<unsigned>(time.seconds().count()));
  text[20] = static_cast<char>('0' + ms / 100);
  put_two(text + 21, ms % 100);
  out.append(text, sizeof text - 1);
}

std::string to_rfc3339(Timestamp t) {
  std::string out;
  append_rfc3339(out, t);
  return out;
}

std::optional<Timestamp> parse_rfc3339(std::string_view text) {
  Scanner scan(text);
  bool date_valid = false;
  const std::int64_t midnight = scan_date(scan, date_valid);
  scan.one_of("Tt");
  const std::int64_t time = scan_time(scan);
  const std::int64_t offset = scan_offset(scan);
  if (!scan.ok() || !scan.at_end() || !date_valid) return std::nullopt;
  const std::int64_t ms = midnight + time - offset;
  if (ms < 0 || ms > ms_shown_max) return std::nullopt;
  return Timestamp{ms};
}

}  // namespace quern
