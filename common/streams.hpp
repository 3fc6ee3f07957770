#pragma once

#include <string_view>

/// Standard output and error, which may be closed, full, or without a reader or terminal.
namespace crossover {

/// Gives a closed descriptor of 0 to 2 to something that can be neither read nor written, so that
/// no file of ours gets its number. To be called before anything is opened.
void occupy_standard_descriptors();

/// Writes all of `text` to standard output. Returns 0, or the error.
int print(std::string_view text);

/// Writes `text` to standard error. What that does not take is lost, also where its reader makes
/// us wait for more than a tenth of a second.
void tell(std::string_view text);

}  // namespace crossover
