// SPDX-License-Identifier: MIT
#include "aperto/resolve.hpp"

#include "aperto/aside.hpp"
#include "aperto/loop.hpp"
#include "io/host_text.hpp"
#include "io/look_up.hpp"

#include <atomic>
#include <memory>

namespace aperto {
namespace {

/// Whether somebody still waits for an answer: else the helper thread does not ask for one.
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

task<std::vector<endpoint>> resolve(host_port where, int family) {
    if (const std::optional<endpoint> only = io::as_address(where)) {
        std::vector<endpoint> one{*only};
        co_return one;
    }
    const interest mine;
    // A simulated network's names are its loop's to tell, which runs what is aside on its own thread. The
    // system's are asked for on another thread, past the end of a loop that does not wait for the answer.
    loop& on = loop::current();
    loop* const simulated = on.which() == engine::simulated ? &on : nullptr;
    auto look_up = [simulated, wanted = mine.flag(), where, family] {
        if (!wanted->load()) return std::vector<endpoint>();
        return simulated ? simulated->look_up(where.host, where.port, family)
                         : io::look_up(where.host, where.port, family);
    };
    task<std::vector<endpoint>> asking = aside(std::move(look_up));
    co_return co_await asking;
}

}  // namespace aperto
