// Finds values inside a JSON text without changing a byte of them, for payloads that no parser
// would hand back as they were written (1e400, lone surrogates, duplicate keys).
#pragma once

#include <optional>
#include <string_view>

namespace quern::test {

// The bytes of the value of the first member called `name` in the object that `text` is; nullopt
// when there is none. `text` is valid JSON; names are compared as they are written.
std::optional<std::string_view> raw_member(std::string_view text, std::string_view name);

// The bytes of element `index` of the array that `text` is.
std::optional<std::string_view> raw_element(std::string_view text, std::size_t index);

}  // namespace quern::test
