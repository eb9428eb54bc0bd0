// Which documents there are to index.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace pipeline {

struct Document {
  std::size_t number = 0;  // from 1
  std::filesystem::path path;

  // Names everything that is done for this document, through all queues.
  std::string correlation_id() const { return "document-" + std::to_string(number); }
};

// Those that a Debian machine has: licences, package documentation, and the project's own docs/.
std::vector<std::filesystem::path> default_folders();

// Regular files below `folders`, in a fixed order; pictures, archives and the like are left out by
// their names. At most `limit`, or all for 0.
std::vector<Document> find_documents(const std::vector<std::filesystem::path>& folders,
                                     std::size_t limit);

// Adds two documents that nobody can read, written into `folder`: a gzip file that ends too early,
// and a file of bytes that are no text. They show what becomes of such a document.
void add_broken_samples(const std::filesystem::path& folder, std::vector<Document>& documents);

}  // namespace pipeline
