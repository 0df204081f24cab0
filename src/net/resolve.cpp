// SPDX-License-Identifier: MIT
#include "aperto/resolve.hpp"

#include "aperto/loop.hpp"

#include <atomic>
#include <memory>

namespace aperto {
namespace {

/// Whether somebody still waits for an answer; the helper thread asks before it touches the loop, which may
/// be gone once nobody waits.
class interest {
public:
    interest() : flag_(std::make_shared<std::atomic<bool>>(true)) {}
    ~interest() { flag_->store(false); }
    interest(const interest&) = delete;
    interest& operator=(const interest&) = delete;
    const std::shared_ptr<std::atomic<bool>>& flag() const noexcept { return flag_; }

private:
    std::shared_ptr<std::atomic<bool>> flag_;
};

}  // namespace

task<std::vector<endpoint>> resolve(host_port where) {
    if (const std::optional<endpoint> numeric = endpoint::from_address(where.host, where.port)) {
        std::vector<endpoint> one{*numeric};
        co_return one;
    }
    const interest mine;
    auto look_up = [&on = loop::current(), wanted = mine.flag(), where] {
        return wanted->load() ? on.look_up(where.host, where.port) : std::vector<endpoint>();
    };
    task<std::vector<endpoint>> asking = aside(std::move(look_up));
    co_return co_await asking;
}

}  // namespace aperto
