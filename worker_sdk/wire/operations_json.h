// Drains and backups, from the JSON of the HTTP API.
#pragma once

#include "quern/operations.h"
#include "quern/protocol/json_reader.h"

namespace quern::sdk {

// False when the next value is none.
bool read_drain_status(JsonReader& json, DrainStatus& status);
bool read_backup(JsonReader& json, Backup& backup);
bool read_backup_check(JsonReader& json, BackupCheck& check);

}  // namespace quern::sdk
