// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

namespace aperto {

/// Signals (signal(7)) that come to a descriptor instead of ending the program, for as long as this lives:
///
///     signal_set signals({.ending = {SIGINT, SIGTERM}});
///     pollfd wait{signals.descriptor(), POLLIN, 0};
///     ::poll(&wait, 1, -1);
///     if (signals.take() == SIGINT) …
///
/// The first of the ending ones asks; the second, whichever it is, ends the program at once. Handlers, not a
/// blocked mask, which would be one thread's alone: threads started before get none of them either. They are
/// set with SA_RESTART, and what was there before comes back afterwards. A signal that is ignored when this
/// begins (nohup(1), a shell's background job) stays ignored.
///
/// Any thread; several may exist at once, and each gets every signal that it asked for.
class signal_set {
public:
    struct wanted {
        std::vector<int> ending;
        /// Come as often as they like. Of several equal ones that come before `take`, it gives one.
        std::vector<int> noted = {};
        /// What the second ending signal makes the program's exit code; 0: that signal's own effect.
        int exit_code = 0;
    };

    /// Throws `error` without descriptors, and where more than eight exist.
    explicit signal_set(const wanted& which);
    ~signal_set();
    signal_set(const signal_set&) = delete;
    signal_set& operator=(const signal_set&) = delete;

    /// Readable where a signal may have come. For poll(2); not to be read.
    int descriptor() const noexcept;
    /// A signal that has come and was not taken yet; 0: none.
    int take() noexcept;
    /// Whether an ending one has come, taken or not. Set by the handler itself: a system call that the signal
    /// interrupted (EINTR) returns after it. As long as this object.
    const std::atomic<bool>& asked_to_end() const noexcept;

private:
    std::size_t slot_;
    std::vector<int> taken_over_;
};

}  // namespace aperto
