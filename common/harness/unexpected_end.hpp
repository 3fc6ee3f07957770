#pragma once

#include <exception>
#include <functional>

namespace crossover {

/// While one lives, a library that ends the program (exit() by an OpenMP that gets no thread, an
/// exception where none may be) does not end it before `finish` has said the last words; the status
/// is then 3. Of several, the youngest speaks. A forked process is not meant.
class UnexpectedEnd {
 public:
  /// `finish` may be called on any thread; what it throws is lost.
  explicit UnexpectedEnd(std::function<void()> finish);
  ~UnexpectedEnd();
  UnexpectedEnd(const UnexpectedEnd&) = delete;
  UnexpectedEnd& operator=(const UnexpectedEnd&) = delete;

 private:
  std::function<void()> finish_of_the_elder_;
  std::terminate_handler handler_before_;
};

}  // namespace crossover
