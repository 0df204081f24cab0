// SPDX-License-Identifier: MIT
#include "aperto/cancel.hpp"

#include "aperto/operation.hpp"

#include <utility>

namespace aperto {

cancel_scope::cancel_scope(cancel_scope* parent) noexcept {
    if (!parent) return;
    cancelled_ = parent->cancelled_;
    condemned_ = parent->condemned_;
    parent->below_.push_back(*this);
}

cancel_scope::~cancel_scope() = default;

void cancel_scope::cancel() noexcept {
    if (cancelled_) return;
    cancelled_ = true;
    below_.for_each([](cancel_scope& inner) { inner.cancel(); });
    // An operation leaves the list when it is completed, not when it is cancelled: no completion runs inside
    // here.
    waiting_.for_each([](operation& waiting) { waiting.request_cancel(); });
}

void cancel_scope::take_below(cancel_scope& inner) noexcept {
    inner.unlink();
    below_.push_back(inner);
    if (cancelled_) inner.cancel();
    if (condemned_) inner.condemn();
}

void cancel_scope::condemn() noexcept {
    if (std::exchange(condemned_, true)) return;
    below_.for_each([](cancel_scope& inner) { inner.condemn(); });
}

void cancel_scope::enter(operation& waiting) noexcept { waiting_.push_back(waiting); }

}  // namespace aperto
