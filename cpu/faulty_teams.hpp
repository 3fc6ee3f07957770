#pragma once

#include "common/model.hpp"

/// Teams (cpu/operations.hpp) for the tests of verification.
namespace crossover::cpu {

/// Workers one after the other.
class InTurn {
 public:
  InTurn(int workers, const Placement&) : workers_(workers) {}
  template <class Body>
  void run(Body&& body) {
    for (int worker = 0; worker < workers_; ++worker) body(worker);
  }

 protected:
  int workers_;
};

/// The last worker never comes.
class LostWorker : public InTurn {
 public:
  using InTurn::InTurn;
  template <class Body>
  void run(Body&& body) {
    for (int worker = 0; worker + 1 < workers_; ++worker) body(worker);
  }
};

}  // namespace crossover::cpu
