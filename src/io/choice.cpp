// SPDX-License-Identifier: MIT
// What ends a wait from outside: a limit of time, a stop that somebody requests.
#include "aperto/choice.hpp"

#include "aperto/detail/errand.hpp"
#include "aperto/loop.hpp"
#include "aperto/stop_token.hpp"

#include <utility>

namespace aperto {

// ---- a stop that another thread requests

class stop_link::end final : public errand {
public:
    explicit end(cancel_scope& scope) noexcept : scope_(scope) {}
    void run() override {
        passed = true;
        scope_.cancel();
    }
    bool passed = false;

private:
    cancel_scope& scope_;
};

void stop_link::request::operator()() const noexcept { owner->post(*what); }

stop_link::stop_link(std::stop_token token, cancel_scope& scope)
    : owner_(loop::current()), end_(std::make_unique<end>(scope)) {
    callback_.emplace(std::move(token), request{&owner_, end_.get()});
}

stop_link::~stop_link() {
    callback_.reset();  // whoever is inside it has left
    owner_.withdraw(*end_);
}

bool stop_link::passed() const noexcept { return end_->passed; }

// ---- waits with an end

namespace detail {
namespace {

struct limit_timer : timer {
    explicit limit_timer(cancel_scope& of) noexcept
        : timer([](timer& due) {
              auto& alarm = static_cast<limit_timer&>(due);
              alarm.fired = true;
              alarm.scope->cancel();
          }),
          scope(&of) {}
    bool passed() const noexcept { return fired; }
    cancel_scope* scope;
    bool fired = false;
};

/// True where `end`, and nobody outside, ended it.
template <class End>
task<bool> run_in(cancel_scope& inner, const cancel_scope* outer, task<> work, const End& end) {
    work.in(inner);
    bool ended = false;
    try {
        co_await work;
    } catch (const cancellation&) {
        ended = end.passed() && !(outer && outer->cancelled());
        if (!ended) throw;
    }
    co_return ended;
}

}  // namespace

task<bool> run_limited(task<> work, duration limit) {
    scope_awaiter which;
    cancel_scope* const outer = co_await which;
    cancel_scope inner(outer);
    limit_timer alarm(inner);
    loop& on = loop::current();
    const time_point until = time_after(on.read_now(), limit);
    if (until != time_point::max()) on.arm(alarm, until);
    co_return co_await run_in(inner, outer, std::move(work), alarm);
}

task<bool> run_until_stopped(task<> work, std::stop_token token) {
    scope_awaiter which;
    cancel_scope* const outer = co_await which;
    cancel_scope inner(outer);
    const stop_link link(std::move(token), inner);
    co_return co_await run_in(inner, outer, std::move(work), link);
}

}  // namespace detail
}  // namespace aperto
