#include "metrics_text.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "http_client.h"

namespace quern::test {
namespace {

[[noreturn]] void violated(std::string_view what, std::string_view line) {
  throw ProtocolViolation(std::string(what) + ": " + std::string(line));
}

// Up to `end`, which is taken as well.
std::string_view take(std::string_view& rest, char end, std::string_view line) {
  const std::size_t at = rest.find(end);
  if (at == std::string_view::npos) violated(std::string("no '") + end + "'", line);
  const std::string_view word = rest.substr(0, at);
  rest.remove_prefix(at + 1);
  return word;
}

double number(std::string_view text, std::string_view line) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) violated("not a number", line);
  return value;
}

// `a="1",b="2"`. No label of ours needs an escape.
MetricLabels labels_of(std::string_view text, std::string_view line) {
  MetricLabels labels;
  while (!text.empty()) {
    const std::string name(take(text, '=', line));
    if (take(text, '"', line) != "") violated("a label that is not quoted", line);
    const std::string_view value = take(text, '"', line);
    if (value.find('\\') != std::string_view::npos) violated("an escape", line);
    if (!labels.emplace(name, value).second) violated("a label twice", line);
    if (!text.empty() && take(text, ',', line) != "") violated("no comma", line);
  }
  return labels;
}

}  // namespace

MetricsText::MetricsText(std::string_view text) {
  while (!text.empty()) {
    std::string_view rest = text;
    const std::string_view line = take(rest, '\n', text.substr(0, 200));
    text = rest;
    if (line.starts_with("# ")) {
      read_comment(line);
    } else {
      read_sample(line);
    }
  }
}

void MetricsText::read_comment(std::string_view line) {
  std::string_view rest = line.substr(2);
  const std::string_view kind = take(rest, ' ', line);
  const std::string name(take(rest, ' ', line));
  if (kind == "HELP") {
    if (!helped_.insert(name).second) violated("a second HELP", line);
  } else if (kind == "TYPE") {
    if (!families_.emplace(name, rest).second) violated("a second TYPE", line);
  } else {
    violated("a comment of another kind", line);
  }
}

void MetricsText::read_sample(std::string_view line) {
  std::string_view rest = line;
  const std::size_t name_end = line.find_first_of("{ ");
  if (name_end == std::string_view::npos) violated("not a sample", line);
  const std::string name(line.substr(0, name_end));
  rest.remove_prefix(name_end);
  MetricLabels labels;
  if (rest.starts_with('{')) {
    // The last brace: routes have some among their labels.
    const std::size_t end = rest.rfind('}');
    if (end == std::string_view::npos) violated("no end of labels", line);
    labels = labels_of(rest.substr(1, end - 1), line);
    rest.remove_prefix(end + 1);
  }
  if (!rest.starts_with(' ')) violated("no value", line);
  const double value = number(rest.substr(1), line);

  std::string family = name;
  for (const std::string_view part : {"_bucket", "_count", "_sum"}) {
    const std::string base = name.ends_with(part) ? name.substr(0, name.size() - part.size()) : "";
    const auto found = families_.find(base);
    if (found != families_.end() && found->second == "histogram") family = base;
  }
  if (!families_.contains(family) || !helped_.contains(family)) {
    violated("a sample of no family", line);
  }
  if (!samples_[name].emplace(std::move(labels), value).second) violated("a sample twice", line);
}

std::optional<double> MetricsText::find(const std::string& name, const MetricLabels& labels) const {
  const auto family = samples_.find(name);
  if (family == samples_.end()) return std::nullopt;
  const auto found = family->second.find(labels);
  return found == family->second.end() ? std::nullopt : std::optional(found->second);
}

double MetricsText::value(const std::string& name, const MetricLabels& labels) const {
  const std::optional<double> found = find(name, labels);
  if (found) return *found;
  std::string text = "no sample of " + name;
  for (const auto& [label, value] : labels) text += " " + label + "=" + value;
  throw ProtocolViolation(text);
}

double MetricsText::sum(const std::string& name, const MetricLabels& labels) const {
  double sum = 0;
  const auto family = samples_.find(name);
  if (family == samples_.end()) throw ProtocolViolation("no sample of " + name);
  for (const auto& [has, value] : family->second) {
    const bool fits = std::includes(has.begin(), has.end(), labels.begin(), labels.end());
    if (fits) sum += value;
  }
  return sum;
}

std::set<std::string> MetricsText::values_of(const std::string& name,
                                             const std::string& label) const {
  std::set<std::string> values;
  const auto family = samples_.find(name);
  if (family == samples_.end()) return values;
  for (const auto& [labels, value] : family->second) {
    const auto found = labels.find(label);
    if (found != labels.end()) values.insert(found->second);
  }
  return values;
}

}  // namespace quern::test
