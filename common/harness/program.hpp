#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/model.hpp"

namespace crossover {

/// The whole program on `arguments` (without its name) with these models: reads the command line,
/// measures, writes results and summary. Returns the exit status: 0 done, 1 a result failed
/// verification, 2 the command line is wrong, 3 the system refused, 130 interrupted. Call it before
/// any thread is started.
int run_program(const std::vector<std::string>& arguments,
                const std::vector<std::unique_ptr<Model>>& models);

}  // namespace crossover
