// SPDX-License-Identifier: MIT
#include "cli/serve/log.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace aperto::cli {

namespace {

/// How soon a writer that waits for a blocked reader notices that it was given up.
constexpr int blocked_poll_ms = 50;
constexpr auto tick_interval = std::chrono::seconds(1);
constexpr auto failure_pause = std::chrono::minutes(1);

std::uint64_t count_lines(std::string_view text) {
    return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

/// How many bytes to offer a pipe: whole lines where they fit.
std::size_t piece_of(std::string_view bytes) {
    if (bytes.size() <= PIPE_BUF) return bytes.size();
    const std::size_t line_end = bytes.rfind('\n', PIPE_BUF - 1);
    return line_end == std::string_view::npos ? PIPE_BUF : line_end + 1;
}

}  // namespace

struct log_writer::state {
    explicit state(options from) : settings(std::move(from)) { write_to(settings.descriptor); }

    const options settings;

    std::mutex mutex;
    std::condition_variable changed;
    std::string queue;                       // guarded
    time_point tick_at = time_point::max();  // guarded
    bool closing = false;                    // guarded
    bool ended = false;                      // guarded
    std::uint64_t in_hand = 0;               // guarded: lines taken from the queue and not written yet
    descriptor next_file;                    // guarded: to be written to from now on
    std::thread thread;

    std::atomic<bool> given_up = false;
    std::atomic<std::uint64_t> dropped = 0;
    std::atomic<int> last_error = 0;

    // The thread's own.
    int to = -1;
    bool is_file = false;
    descriptor file;  // `to`, where it is owned
    std::uint64_t told_dropped = 0;
    bool within_line = false;
    bool has_failed = false;
    time_point told_failing = time_point::min();

    void write_to(int number);
    void run();
    bool next_batch(std::string& batch);
    void put(std::string_view batch);
    std::size_t put_some(std::string_view bytes);
    void written(std::string_view bytes);
    void end_part(std::string_view last_bytes);
    bool take_back(std::size_t part) const;
    void fail(int code);
    void tell_dropped();
    void drop_in_hand();
    void drop_rest();
};

void log_writer::state::run() {
    if (settings.first) settings.first();
    std::string batch;
    while (next_batch(batch)) {
        put(batch);
        drop_in_hand();
        tell_dropped();
        batch.clear();
    }
    const std::lock_guard lock(mutex);
    ended = true;
    changed.notify_all();
}

/// Waits for lines. False once there will be none.
bool log_writer::state::next_batch(std::string& batch) {
    std::unique_lock lock(mutex);
    while (true) {
        // Given up: nobody waits for us, and what the functions in `settings` refer to may be gone.
        if (given_up) return false;
        const bool tick_due = tick_at != time_point::max() && (closing || clock::now() >= tick_at);
        if (tick_due && settings.tick) {
            tick_at = time_point::max();
            lock.unlock();
            settings.tick();
            lock.lock();
        }
        if (next_file) {
            file = std::move(next_file);
            write_to(file.get());
        }
        if (!queue.empty()) break;
        if (closing) return false;
        if (tick_at == time_point::max())
            changed.wait(lock);
        else
            changed.wait_until(lock, tick_at);
    }
    batch.swap(queue);
    in_hand = count_lines(batch);
    return true;
}

void log_writer::state::write_to(int number) {
    struct stat about{};
    to = number;
    is_file = ::fstat(to, &about) == 0 && S_ISREG(about.st_mode);
    within_line = false;
}

/// Writes all of `batch`, or what there is room for.
void log_writer::state::put(std::string_view batch) {
    if (within_line) {
        // Half a line stands there from before the failure: end it, so that what follows is whole.
        if (put_some("\n") != 1) return;
        within_line = false;
    }
    const std::string_view all = batch;
    while (!batch.empty()) {
        const std::size_t size = put_some(batch);
        if (size == 0) break;
        written(batch.substr(0, size));
        batch.remove_prefix(size);
    }
    if (!batch.empty()) end_part(all.substr(0, all.size() - batch.size()));
}

void log_writer::state::written(std::string_view bytes) {
    const std::lock_guard lock(mutex);
    in_hand -= count_lines(bytes);
}

/// What was not written of a batch is lost.
void log_writer::state::drop_in_hand() {
    const std::lock_guard lock(mutex);
    if (!ended) dropped += in_hand;  // else `drop_rest` has counted it
    in_hand = 0;
}

/// After a write that failed: `last_bytes` are those that went before, and may end within a line.
void log_writer::state::end_part(std::string_view last_bytes) {
    const std::size_t part = last_bytes.size() - (last_bytes.rfind('\n') + 1);  // npos + 1: no line feed
    within_line = part != 0 && !take_back(part);
}

/// Removes the last `part` bytes, of ours, from the file; false where it is none, or somebody else has
/// written to it since.
bool log_writer::state::take_back(std::size_t part) const {
    if (!is_file) return false;
    const off_t end = ::lseek(to, 0, SEEK_CUR);
    struct stat about{};
    if (end < 0 || ::fstat(to, &about) < 0 || about.st_size != end) return false;
    const off_t begin = end - static_cast<off_t>(part);
    if (::ftruncate(to, begin) < 0) return false;
    return ::lseek(to, begin, SEEK_SET) == begin;
}

/// How many bytes the system took; 0 where it refuses or the wait was given up.
std::size_t log_writer::state::put_some(std::string_view bytes) {
    while (true) {
        if (!is_file) {
            pollfd room{to, POLLOUT, 0};
            if (::poll(&room, 1, blocked_poll_ms) == 0) {
                if (given_up) return 0;
                continue;
            }
        }
        // A pipe that has room has room for PIPE_BUF bytes (pipe(7)), so the write does not block.
        const std::size_t size = is_file ? bytes.size() : piece_of(bytes);
        const ssize_t written = ::write(to, bytes.data(), size);
        if (written > 0) {
            has_failed = false;
            return static_cast<std::size_t>(written);
        }
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) {
            if (given_up) return 0;
            continue;
        }
        fail(written < 0 ? errno : EIO);
        return 0;
    }
}

void log_writer::state::fail(int code) {
    last_error = code;
    const time_point now = clock::now();
    if (std::exchange(has_failed, true) || !settings.failing || given_up) return;
    if (told_failing != time_point::min() && now - told_failing < failure_pause) return;
    told_failing = now;
    settings.failing(code);
}

void log_writer::state::tell_dropped() {
    const std::uint64_t now = dropped;
    if (now == told_dropped || !settings.dropped_line || given_up) return;
    const std::string line = settings.dropped_line(now - told_dropped);
    const std::size_t size = put_some(line);
    if (size == line.size())
        told_dropped = now;
    else
        end_part(std::string_view(line).substr(0, size));
}

/// At the end, with the lock: what nobody will write any more.
void log_writer::state::drop_rest() {
    dropped += count_lines(queue) + in_hand;
    queue.clear();
    ended = true;
}

log_writer::log_writer(options settings) : state_(std::make_shared<state>(std::move(settings))) {
    state_->thread = std::thread([shared = state_] { shared->run(); });
}

log_writer::~log_writer() { close(); }

bool log_writer::write(std::string_view lines) {
    {
        const std::lock_guard lock(state_->mutex);
        if (!state_->ended && state_->queue.size() + lines.size() <= state_->settings.queue_max) {
            const bool was_empty = state_->queue.empty();
            state_->queue += lines;
            if (was_empty) state_->changed.notify_all();
            return true;
        }
    }
    state_->dropped += count_lines(lines);
    return false;
}

void log_writer::use(descriptor file) {
    const std::lock_guard lock(state_->mutex);
    state_->next_file = std::move(file);
    state_->changed.notify_all();
}

void log_writer::tick_later() {
    const std::lock_guard lock(state_->mutex);
    if (state_->tick_at != time_point::max()) return;
    state_->tick_at = clock::now() + tick_interval;
    state_->changed.notify_all();
}

void log_writer::close(duration limit) {
    if (!state_->thread.joinable()) return;
    std::unique_lock lock(state_->mutex);
    state_->closing = true;
    state_->changed.notify_all();
    const auto over = [this] { return state_->ended; };
    bool ended = state_->changed.wait_for(lock, limit, over);
    if (!ended) {
        // A wait for room notices this at once; only a write that blocks inside the kernel does not.
        state_->given_up = true;
        ended = state_->changed.wait_for(lock, std::chrono::milliseconds(4 * blocked_poll_ms), over);
    }
    state_->drop_rest();
    lock.unlock();
    if (ended)
        state_->thread.join();
    else
        state_->thread.detach();
}

bool log_writer::has_room() const {
    const std::lock_guard lock(state_->mutex);
    return state_->queue.size() < state_->settings.queue_max / 2;
}

std::uint64_t log_writer::dropped() const noexcept { return state_->dropped; }
int log_writer::last_error() const noexcept { return state_->last_error; }

}  // namespace aperto::cli
