// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/aside.hpp"
#include "aperto/loop.hpp"

#include <atomic>
#include <memory>
#include <type_traits>
#include <utility>

namespace aperto::net {

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

/// Runs `question` aside and gives its answer, empty where nobody waits for it any more. A simulated network's names are its
/// loop's to tell, which runs what is aside on its own thread: `question` gets that loop. The system's are asked for on another
/// thread, past the end of a loop that does not wait for the answer: it gets null.
template <class Question>
task<std::invoke_result_t<Question&, loop*>> ask_name_service(Question question) {
    const interest mine;
    loop& on = loop::current();
    loop* const simulated = on.which() == engine::simulated ? &on : nullptr;
    auto asked = [simulated, wanted = mine.flag(), question = std::move(question)]() mutable {
        return wanted->load() ? question(simulated) : std::invoke_result_t<Question&, loop*>();
    };
    auto asking = aside(std::move(asked));
    co_return co_await asking;
}

}  // namespace aperto::net
