#include "worker/attempt.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <typeinfo>
#include <utility>

#include "quern/protocol/limits.h"
#include "wire/task_json.h"

namespace quern {
namespace {

std::string type_name(const std::exception& error) {
  const char* mangled = typeid(error).name();
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  return status == 0 ? name.get() : mangled;
}

Settlement failed(const Task& task, std::string type, std::string message) {
  Settlement item = settlement_for(task, SettleOp::fail);
  item.error = {.type = std::move(type), .message = std::move(message)};
  return item;
}

Settlement failed_for_good(const Task& task, std::string type, std::string message) {
  Settlement item = failed(task, std::move(type), std::move(message));
  item.retryable = false;
  return item;
}

Settlement completed(const Task& task, std::string result) {
  // Checked here, since one malformed item spoils the whole batch that it is reported in.
  constexpr std::size_t depth_max = limits::json_depth_max - 3;
  if (!result.empty()) {
    if (auto checked = sdk::check_json("the handler's result", result, depth_max); !checked) {
      return failed_for_good(task, "InvalidResult", checked.error().detail);
    }
  }
  Settlement item = settlement_for(task, SettleOp::complete);
  item.result = std::move(result);
  return item;
}

}  // namespace

Settlement settlement_for(const Task& task, SettleOp op) {
  return Settlement{.op = op, .id = task.id, .lease_token = task.lease->token};
}

Settlement run_handler(const Worker::Handler* handler, Context& context) {
  const Task& task = context.task();
  if (handler == nullptr) {
    return failed(task, "NoHandler", "this worker has no handler for type \"" + task.type + "\"");
  }
  try {
    return completed(task, (*handler)(context));
  } catch (const Permanent& error) {
    return failed_for_good(task, error.type(), error.what());
  } catch (const Retry& error) {
    Settlement item = failed(task, error.type(), error.what());
    if (const auto after = error.after()) {
      item.retry_after = std::clamp(*after, Duration{0}, limits::ten_years);
    }
    return item;
  } catch (const Release& error) {
    Settlement item = settlement_for(task, SettleOp::release);
    item.delay = std::clamp(error.after(), Duration{0}, limits::ten_years);
    return item;
  } catch (const std::exception& error) {
    return failed(task, type_name(error), error.what());
  } catch (...) {
    return failed(task, "unknown", "the handler threw something that is no std::exception");
  }
}

}  // namespace quern
