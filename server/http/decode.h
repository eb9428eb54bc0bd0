// Request bodies into commands: strict, complete, without side effects.
//
// Shape    one function a call of the contract. Bodies are read in one pass, and every field that
//          is wrong is reported at once.
// Errors   invalid_json; invalid_argument with the pointer of each field (a header's or query
//          parameter's name, as in /limit); payload_too_large; task_not_found and queue_not_found
//          for a path that cannot name any.
#pragma once

#include <optional>
#include <string_view>

#include "engine/command.h"
#include "engine/query.h"
#include "http/endpoint.h"
#include "http/request.h"
#include "quern/protocol/result.h"

namespace quern::http {

struct DecodeContext {
  const RequestLimits& limits;
  Timestamp now;  // run_at and expires_at are at most ten years away from it
};

// decode_task.cpp
Result<engine::Submit> decode_submit(const KnownFields& fields, std::string_view body,
                                     const DecodeContext& context);
Result<engine::Submit> decode_batch(const KnownFields& fields, std::string_view body,
                                    const DecodeContext& context);

// decode_settle.cpp
Result<engine::SettleOne> decode_settle_one(engine::SettleVerb verb, const std::string& id,
                                            std::string_view body, const RequestLimits& limits);
Result<engine::Settle> decode_settle(std::string_view body, const RequestLimits& limits);

// decode_lease.cpp
Result<engine::Lease> decode_lease(std::string_view body, const RequestLimits& limits);

// decode_queue.cpp
Result<engine::PutQueue> decode_put_queue(const std::string& name, std::string_view body,
                                          const RequestLimits& limits);
Result<engine::PatchQueue> decode_patch_queue(const std::string& name, std::string_view body,
                                              const RequestLimits& limits);
Result<engine::PurgeQueue> decode_purge(const std::string& name, std::string_view body,
                                        const RequestLimits& limits);

// decode_dead.cpp
Result<engine::RedriveDead> decode_redrive_dead(const std::string& name, std::string_view body,
                                                const RequestLimits& limits);
Result<engine::DiscardDead> decode_discard_dead(const std::string& name, std::string_view body,
                                                const RequestLimits& limits);

// decode_admin.cpp
Result<engine::Drain> decode_drain(std::string_view body, const RequestLimits& limits);

// decode_query.cpp: query parameters. Each call refuses parameters that it does not know.
Result<void> decode_no_query(const Target& target);
Result<Duration> decode_wait(const Target& target, const RequestLimits& limits);  // wait_ms, or 0
Result<engine::TaskQuery> decode_task_query(const Target& target);
Result<engine::ListQueues> decode_queue_query(const Target& target);
Result<bool> decode_force(const Target& target);
Result<engine::BackupCall> decode_backup_query(const Target& target);
struct DeadQuery {
  std::optional<engine::DeadCursor> before;
  std::size_t limit = limits::page_limit_default;
};
Result<DeadQuery> decode_dead_query(const Target& target);

// decode_path.cpp: what a path's {} can name.
Result<TaskId> decode_task_id(const std::string& text);
Result<void> decode_queue_name(const std::string& text);
Result<std::uint32_t> decode_backup_id(const std::string& text);
// A body that may be absent and has no fields.
Result<void> decode_empty_body(std::string_view body, const RequestLimits& limits);

}  // namespace quern::http
