// /admin: drains and backups.
#include <algorithm>
#include <chrono>

#include "client/impl.h"
#include "problem.h"
#include "quern/protocol/limits.h"
#include "wire/operations_json.h"

namespace quern {

using sdk::Call;
using sdk::Query;
using sdk::Repeat;

DrainStatus Client::drain(Duration wait) {
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + std::clamp(wait, Duration{0}, limits::ten_years);
  for (;;) {
    const auto left = std::chrono::ceil<Duration>(end - steady_clock::now());
    const Duration slice = std::clamp(left, Duration{0}, impl_->wait_slice.load());
    Call call{.method = "POST", .target = "/admin/drain", .wait = slice};
    JsonWriter(call.body).begin_object().key("wait_ms").number(slice.count()).end_object();
    try {
      const auto status = impl_->ask<DrainStatus>(call, sdk::read_drain_status);
      if (status.drained() || left <= slice) return status;
    } catch (const ApiError& error) {
      if (slice == Duration{0} || !sdk::is_wait_too_long(error.error())) throw;
      impl_->wait_slice = slice / 2;
    }
  }
}

void Client::drain_end() {
  const Call call{.method = "DELETE", .target = "/admin/drain"};
  if (impl_->send(call).status != 204) impl_->throw_not_quern(call);
}

Backup Client::backup_create(Duration timeout) {
  const Call call{.method = "POST",
                  .target = "/admin/backups",
                  .repeat = Repeat::unsafe,
                  .wait = std::clamp(timeout, Duration{0}, limits::ten_years)};
  return impl_->ask<Backup>(call, sdk::read_backup);
}

Page<Backup> Client::backups(const PageOptions& page) {
  const Call call{.method = "GET", .target = "/admin/backups" + Query{}.add(page).text()};
  return impl_->ask<Page<Backup>>(call, sdk::page_reader<Backup>("backups", sdk::read_backup));
}

BackupCheck Client::backup_verify(std::uint32_t id, Duration timeout) {
  const Call call{.method = "POST",
                  .target = "/admin/backups/" + std::to_string(id) + "/verify",
                  .wait = std::clamp(timeout, Duration{0}, limits::ten_years)};
  return impl_->ask<BackupCheck>(call, sdk::read_backup_check);
}

}  // namespace quern
