// Every limit of the protocol that does not depend on a server's settings, and the defaults of
// those that do.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "quern/protocol/timestamp.h"

namespace quern {

// Queue and task-type names: ^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$
bool is_name(std::string_view text);
// 1..count_max bytes of printable ASCII (0x20..0x7E).
bool is_printable_ascii(std::string_view text, std::size_t count_max);

namespace limits {
inline constexpr std::size_t kib = 1024;
inline constexpr std::size_t mib = 1024 * kib;

inline constexpr std::size_t name_bytes_max = 128;
inline constexpr std::size_t idempotency_key_bytes_max = 255;
inline constexpr std::size_t correlation_id_bytes_max = 128;
inline constexpr std::size_t metadata_bytes_max = 4096;
inline constexpr std::size_t worker_id_bytes_max = 255;
inline constexpr std::size_t progress_bytes_max = 64 * kib;
inline constexpr std::size_t error_type_bytes_max = 255;
inline constexpr std::size_t error_message_bytes_max = 64 * kib;
inline constexpr std::size_t error_details_bytes_max = 64 * kib;
inline constexpr std::size_t failures_kept_max = 10;
inline constexpr std::uint32_t priority_max = 9;
inline constexpr std::uint32_t priority_default = 5;
inline constexpr std::uint32_t attempts_max = 100;
inline constexpr std::size_t lease_queues_max = 100;
inline constexpr std::size_t settle_items_max = 10'000;
inline constexpr std::size_t page_limit_max = 1000;
inline constexpr std::size_t page_limit_default = 100;
inline constexpr Duration lease_min{1'000};
inline constexpr Duration lease_max{43'200'000};  // twelve hours
// Two or three leap days included.
inline constexpr Duration ten_years{std::int64_t{3653} * 86'400'000};
inline constexpr std::uint64_t backlog_max = std::uint64_t{1} << 53;  // exact in any JSON reader
inline constexpr double retry_factor_max = 1000;

// Defaults of a server's settings.
inline constexpr std::size_t body_bytes_max = 16 * mib;
inline constexpr std::size_t payload_bytes_max = mib;
inline constexpr std::size_t header_bytes_max = 16 * kib;
inline constexpr std::size_t target_bytes_max = 8 * kib;
inline constexpr std::size_t json_depth_max = 64;
inline constexpr std::size_t batch_tasks_max = 10'000;
inline constexpr std::size_t lease_tasks_max = 1'000;
inline constexpr Duration wait_max{60'000};
inline constexpr std::size_t queues_max = 100'000;
}  // namespace limits
}  // namespace quern
