#pragma once

// A fleet for the harness's tests: the other nodes say what a test lets them say.

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "common/harness/fleet_messages.hpp"

namespace crossover {

class FakeFleet final : public Fleet {
 public:
  explicit FakeFleet(std::size_t self, std::vector<std::string> names = {"a", "b"})
      : names_(std::move(names)), self_(self) {}

  /// What happens when this node has sent something.
  std::function<void(std::size_t to, const FleetJson& message)> on_send = [](auto, const auto&) {};
  /// What has been sent.
  std::vector<FleetJson> sent;
  std::atomic<bool> told_to_stop = false;

  /// Another node says something.
  void hear(std::size_t from, const FleetJson& message) {
    const std::lock_guard lock(mutex_);
    inbox_.push_back({from, FleetJson::to_cbor(message)});
  }

  const std::vector<std::string>& nodes() const override { return names_; }
  std::size_t self() const override { return self_; }
  void send(std::size_t to, const Bytes& bytes) override {
    sent.push_back(FleetJson::from_cbor(bytes));
    on_send(to, sent.back());
  }
  std::optional<Message> receive() override {
    const std::lock_guard lock(mutex_);
    if (inbox_.empty()) return std::nullopt;
    Message message = std::move(inbox_.front());
    inbox_.pop_front();
    return message;
  }
  void stop() override { told_to_stop = true; }
  bool stopped() override { return told_to_stop; }

 private:
  std::vector<std::string> names_;
  std::size_t self_;
  std::mutex mutex_;
  std::deque<Message> inbox_;
};

}  // namespace crossover
