#include "common/harness/benchmark_json.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace crossover {

BenchmarkJson::BenchmarkJson(Descriptor file, std::filesystem::path path)
    : file_(std::move(file)), path_(std::move(path)) {
  json_.SetOutputStream(&text_);
  json_.SetErrorStream(&text_);
  json_.Finalize();
  end_ = std::exchange(text_, {}).str();
  // Each sample takes the place of the end behind the one before.
  ::fcntl(file_.get(), F_SETFL, 0);
}

void BenchmarkJson::begin(const benchmark::BenchmarkReporter::Context& context) {
  if (!std::exchange(begun_, true)) json_.ReportContext(context);
}

void BenchmarkJson::add(const benchmark::BenchmarkReporter::Run& sample) {
  json_.ReportRuns({sample});
  const std::string text = std::exchange(text_, {}).str();
  const auto write_at_end = [this](const std::string& what) {
    if (::lseek(file_.get(), written_, SEEK_SET) < 0) return errno;
    std::string_view left = what;
    return write_all(file_.get(), left);
  };
  if (const int error = write_at_end(text + end_); error != 0) {
    // There was room for the end before.
    if (::ftruncate(file_.get(), written_) == 0 && written_ > 0) write_at_end(end_);
    throw BenchmarkJsonError(error, std::generic_category(),
                             fmt::format("cannot write to {}", path_.string()));
  }
  written_ += static_cast<std::int64_t>(text.size());
}

}  // namespace crossover
