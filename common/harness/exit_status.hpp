#pragma once

namespace crossover {

enum ExitStatus { kDone = 0, kWrongResult = 1, kUsage = 2, kSystem = 3, kInterrupted = 130 };

}  // namespace crossover
