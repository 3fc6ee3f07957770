#pragma once

#include "gpu/for_workload.hpp"

namespace crossover::gpu {

/// A workload's element() as libraries call it.
template <class Is>
struct ElementOf {
  Is is;
  template <class... Ws>
  CROSSOVER_HOST_DEVICE auto operator()(const Ws&... values) const {
    return is.element(values...);
  }
};

}  // namespace crossover::gpu
