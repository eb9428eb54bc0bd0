#include "documents.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>
#include <system_error>

namespace pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 24> not_documents{
    ".png", ".jpg",   ".jpeg", ".gif", ".svg", ".ico", ".pdf", ".ps",
    ".eps", ".tar",   ".tgz",  ".zip", ".xz",  ".bz2", ".so",  ".a",
    ".o",   ".woff2", ".js",   ".css", ".db",  ".mo",  ".dvi", ".odt"};

// By the name without .gz: manual.pdf.gz is a PDF.
bool looks_like_a_document(const fs::path& path) {
  fs::path name = path.filename();
  if (name.extension() == ".gz") name = name.stem();
  return std::find(not_documents.begin(), not_documents.end(), name.extension().string()) ==
         not_documents.end();
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  constexpr auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator entry(folder, options, error), end; entry != end;
       entry.increment(error)) {
    if (error) break;
    if (!entry->is_symlink(error) && entry->is_regular_file(error) && entry->file_size(error) > 0 &&
        looks_like_a_document(entry->path())) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

void write_file(const fs::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

std::vector<fs::path> default_folders() {
  std::vector<fs::path> found;
  for (const char* folder : {"docs", "/usr/share/common-licenses", "/usr/share/doc"}) {
    if (fs::is_directory(folder)) found.emplace_back(folder);
  }
  return found;
}

std::vector<Document> find_documents(const std::vector<fs::path>& folders, std::size_t limit) {
  std::vector<Document> documents;
  for (const fs::path& folder : folders) {
    for (fs::path& file : files_below(folder)) {
      if (limit != 0 && documents.size() == limit) return documents;
      documents.push_back({documents.size() + 1, std::move(file)});
    }
  }
  return documents;
}

void add_broken_samples(const fs::path& folder, std::vector<Document>& documents) {
  const fs::path gzip = folder / "truncated-sample.txt.gz";
  const fs::path binary = folder / "binary-sample.txt";
  // The ten bytes of a gzip header and the beginning of a stream that never ends.
  write_file(gzip, {"\x1f\x8b\x08\0\0\0\0\0\0\x03\xf3\x48\xcd\xc9", 14});
  write_file(binary, {"\x7f"
                      "ELF\x02\x01\x01\0\0\0\0\0",
                      12});
  for (const fs::path& path : {gzip, binary}) documents.push_back({documents.size() + 1, path});
}

}  // namespace pipeline
