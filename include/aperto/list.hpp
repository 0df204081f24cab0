// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <cassert>

namespace aperto {

/// A place in an intrusive list: derive from it and the object can be in one `list` at a time, with no
/// allocation. An object leaves its list in O(1) without knowing which list that is, and by its destructor.
class list_hook {
public:
    list_hook() noexcept = default;
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;
    ~list_hook() { unlink(); }

    bool linked() const noexcept { return next_ != nullptr; }

    void unlink() noexcept {
        if (!linked()) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

private:
    template <class T, class Hook>
    friend class list;
    list_hook* next_ = nullptr;
    list_hook* previous_ = nullptr;
};

/// A circular doubly linked list of objects that derive from `Hook`, itself a `list_hook`: an object that
/// stands in two lists at once derives from two hook types. It owns nothing and allocates nothing. Not thread
/// safe. An element may leave, or be destroyed, at any time.
template <class T, class Hook = list_hook>
class list {
public:
    list() noexcept { head_.next_ = head_.previous_ = &head_; }
    list(const list&) = delete;
    list& operator=(const list&) = delete;
    ~list() { clear(); }

    bool empty() const noexcept { return head_.next_ == &head_; }

    void push_back(T& item) noexcept {
        list_hook& hook = as_hook(item);
        assert(!hook.linked());
        hook.previous_ = head_.previous_;
        hook.next_ = &head_;
        head_.previous_->next_ = &hook;
        head_.previous_ = &hook;
    }

    T& front() noexcept {
        assert(!empty());
        return as_item(*head_.next_);
    }

    T& back() noexcept {
        assert(!empty());
        return as_item(*head_.previous_);
    }

    T& pop_front() noexcept {
        T& first = front();
        as_hook(first).unlink();
        return first;
    }

    /// The element behind one of this list's; null behind the last.
    T* after(T& item) noexcept {
        list_hook* const next = as_hook(item).next_;
        return next == &head_ ? nullptr : &as_item(*next);
    }

    /// Moves every element of `other` behind the elements of this list. O(1).
    void splice_back(list& other) noexcept {
        if (other.empty()) return;
        other.head_.next_->previous_ = head_.previous_;
        head_.previous_->next_ = other.head_.next_;
        other.head_.previous_->next_ = &head_;
        head_.previous_ = other.head_.previous_;
        other.head_.next_ = other.head_.previous_ = &other.head_;
    }

    /// Unlinks every element; they stay alive.
    void clear() noexcept {
        while (!empty())
            head_.next_->unlink();
    }

    /// Calls `visit(T&)` on each; `visit` may unlink or destroy the element it is given.
    template <class Visit>
    void for_each(Visit&& visit) {
        for (list_hook* at = head_.next_; at != &head_;) {
            list_hook* after = at->next_;
            visit(as_item(*at));
            at = after;
        }
    }

private:
    static list_hook& as_hook(T& item) noexcept { return static_cast<Hook&>(item); }
    static T& as_item(list_hook& hook) noexcept { return static_cast<T&>(static_cast<Hook&>(hook)); }

    list_hook head_;
};

}  // namespace aperto
