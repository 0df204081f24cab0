// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/event.hpp"
#include "aperto/loop.hpp"
#include "aperto/loop_handle.hpp"

#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace aperto {

namespace detail {

/// What waits for its batch: owned together by the task that waits and by the thread.
struct batch_entry {
    explicit batch_entry(loop& where) : home(where.handle()), home_id(&where) {}
    virtual ~batch_entry() = default;
    batch_entry(const batch_entry&) = delete;
    batch_entry& operator=(const batch_entry&) = delete;

    loop_handle home;
    const loop* home_id;        ///< to group by; never looked into
    event done;                 ///< the loop's thread alone
    std::exception_ptr failed;  ///< the thread's, until it posts
};

/// The thread behind a `batcher`.
class batch_thread {
public:
    using batch = std::vector<std::shared_ptr<batch_entry>>;
    /// `first` is called on the thread before anything else.
    explicit batch_thread(std::function<void(const batch& all)> work, std::function<void()> first = {});
    ~batch_thread();
    batch_thread(const batch_thread&) = delete;
    batch_thread& operator=(const batch_thread&) = delete;
    void hand_over(std::shared_ptr<batch_entry> one);

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace detail

/// What many ask for, done in one go: a thread of its own calls `work` with all that was handed over while the call
/// before ran. So a hundred conversations share one sync of a disk, or one transaction of a database, and one that is
/// alone waits for nobody.
///
///     aperto::batcher<letter> disk([](std::span<letter* const> batch) { …; ::fsync(folder); });
///     …
///     const letter kept = co_await disk.run(std::move(mine));     // in any conversation, on any worker
///
/// It outlives the tasks that wait. `run` on any loop's thread; not in a simulation, whose time a thread knows
/// nothing of.
template <class Item>
class batcher {
public:
    /// `work` gets the items of a batch, in the order in which they were handed over, at least one, and may change
    /// each: what became of it is its own. It is called on the batcher's thread, one call at a time. Throws
    /// std::system_error where no thread is to be had.
    explicit batcher(std::function<void(std::span<Item* const> batch)> work)
        : thread_([work = std::move(work)](const detail::batch_thread::batch& all) {
              std::vector<Item*> items;
              items.reserve(all.size());
              for (const auto& each : all)
                  items.push_back(&static_cast<entry&>(*each).item);
              work(items);
          }) {}

    /// Hands `one` over at once. co_await it, on the loop where it was called: goes on when its batch is done, and
    /// gives it as `work` has left it. Throws what `work` threw, to each of its batch. A caller who is cancelled goes
    /// on at once; the item stays in its batch, so it must own what it needs.
    task<Item> run(Item one) {
        auto mine = std::make_shared<entry>(loop::current(), std::move(one));
        thread_.hand_over(mine);
        return wait_for(std::move(mine));
    }

private:
    struct entry final : detail::batch_entry {
        entry(loop& where, Item one) : batch_entry(where), item(std::move(one)) {}
        Item item;
    };
    static task<Item> wait_for(std::shared_ptr<entry> mine) {
        event::waiter over = mine->done.wait();
        co_await over;
        if (mine->failed) std::rethrow_exception(std::exchange(mine->failed, nullptr));
        co_return std::move(mine->item);
    }

    detail::batch_thread thread_;
};

}  // namespace aperto
