// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace aperto::sim {

/// Where a run does not come to an end of its own, the way back to it is told all the same: as a signal ends
/// the program (abort(3), a failed assertion, a wild pointer), and where a run takes longer than `limit` of
/// the machine's time, after which the program is aborted. One at a time says so; what handled the signals
/// before has them afterwards, and is called then.
class last_words {
public:
    explicit last_words(duration limit);
    ~last_words();
    last_words(const last_words&) = delete;
    last_words& operator=(const last_words&) = delete;

    /// A run begins: what is to be said if it does not end.
    void begin(const std::string& text);
    void end() noexcept;

private:
    void watch();

    const duration limit_;
    bool mine_ = false;  ///< no other says so already
    std::unique_ptr<char[]> stack_;
    std::mutex guard_;
    std::condition_variable changed_;
    time_point until_ = time_point::max();
    bool over_ = false;
    std::thread watcher_;
};

}  // namespace aperto::sim
