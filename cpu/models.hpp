#pragma once

#include <memory>
#include <vector>

#include "common/model.hpp"
// Made by CMakeLists.txt from its list: make_serial() and so on, a file each, and make_models(),
// which calls all of them.
#include "crossover_cpu_models.hpp"
