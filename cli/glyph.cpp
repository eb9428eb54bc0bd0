#include "glyph.h"

#include <locale.h>
#include <wchar.h>
#include <wctype.h>

namespace quern::cli {
namespace {

// The C library's tables for UTF-8 whatever the user's locale is; this thread's for as long as the
// object lives. C.UTF-8 is part of every libc6 of Debian 12.
class Utf8Locale {
 public:
  Utf8Locale() : before_(::uselocale(utf8())) {}
  ~Utf8Locale() { ::uselocale(before_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  static locale_t utf8() {
    static const locale_t made = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return made;
  }
  locale_t before_;
};

// Text behind these is shown in another order than it is stored: "fdp.exe" looks like "exe.pdf".
bool turns_direction(wchar_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

Glyph take_glyph(std::string_view& text) {
  Glyph glyph{.bytes = text.substr(0, 1)};
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) {
    glyph.harmless = first >= 0x20 && first != 0x7F;
  } else {
    const Utf8Locale locale;
    wchar_t c = 0;
    mbstate_t state{};
    const std::size_t size = ::mbrtowc(&c, text.data(), text.size(), &state);
    if (size > text.size()) {  // its two ways to say no
      glyph.harmless = false;
    } else {
      glyph.bytes = text.substr(0, size);
      glyph.harmless = ::iswcntrl(static_cast<wint_t>(c)) == 0 && !turns_direction(c);
      // One that is newer than the tables is most likely narrow.
      const int width = ::wcwidth(c);
      glyph.columns = width < 0 ? 1 : static_cast<std::size_t>(width);
    }
  }
  text.remove_prefix(glyph.bytes.size());
  return glyph;
}

}  // namespace quern::cli
