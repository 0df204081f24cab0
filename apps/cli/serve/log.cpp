// SPDX-License-Identifier: MIT
#include "cli/serve/log.hpp"

#include "core/log_safe.hpp"
#include "core/utf8.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <ctime>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>

namespace aperto::cli {

namespace {

void append_utf16_escape(std::string& out, char32_t code_point) {
    if (code_point < 0x10000) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(code_point));
        return;
    }
    const char32_t above = code_point - 0x10000;
    fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}",
                   static_cast<unsigned>(0xD800 + (above >> 10)),
                   static_cast<unsigned>(0xDC00 + (above & 0x3FF)));
}

void append_ascii(std::string& out, char c) {
    switch (c) {
    case '"':
        out += "\\\"";
        return;
    case '\\':
        out += "\\\\";
        return;
    case '\n':
        out += "\\n";
        return;
    case '\r':
        out += "\\r";
        return;
    case '\t':
        out += "\\t";
        return;
    default:
        if (c < 0x20 || c == 0x7F)
            append_utf16_escape(out, static_cast<char32_t>(c));
        else
            out += c;
    }
}

void append_string(std::string& out, std::string_view text) {
    out += '"';
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        const utf8::step step = utf8::decode(at, end);
        const std::string_view bytes(at, step.size);
        at += step.size;
        if (step.kind != utf8::kind::character)
            out += "\\ufffd";
        else if (step.size == 1)
            append_ascii(out, bytes.front());
        else if (log_safe(bytes) == bytes)
            out += bytes;
        else
            append_utf16_escape(out, step.code_point);
    }
    out += '"';
}

/// RFC 3339, UTC, milliseconds.
void append_time(std::string& out) {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
    const auto seconds = static_cast<std::time_t>(ms / 1000);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    fmt::format_to(std::back_inserter(out), "\"{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z\"",
                   utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                   ms % 1000);
}

}  // namespace

json_line::json_line(std::string_view event) {
    text_.reserve(256);
    text_ += "{\"event\":";
    append_string(text_, event);
    begin_member("time");
    append_time(text_);
}

json_line& json_line::add(std::string_view key, std::string_view text) {
    begin_member(key);
    append_string(text_, text);
    return *this;
}

json_line& json_line::add(std::string_view key, const std::vector<std::string_view>& texts) {
    begin_member(key);
    text_ += '[';
    for (const std::string_view each : texts) {
        if (text_.back() != '[') text_ += ',';
        append_string(text_, each);
    }
    text_ += ']';
    return *this;
}

json_line& json_line::add(std::string_view key, double number) {
    return add_raw(key, fmt::format("{:.3f}", number));
}

json_line& json_line::add_cut(std::string_view key, std::string_view text, std::size_t size_max) {
    if (text.size() <= size_max) return add(key, text);
    return add(key, text.substr(0, utf8::complete_prefix(text.substr(0, size_max))));
}

const std::string& json_line::finish() {
    text_ += "}\n";
    return text_;
}

json_line& json_line::add_raw(std::string_view key, std::string_view value) {
    begin_member(key);
    text_ += value;
    return *this;
}

void json_line::begin_member(std::string_view key) {
    text_ += ",\"";
    text_ += key;
    text_ += "\":";
}

namespace {

/// How soon a writer that waits for a blocked reader notices that it was given up.
constexpr int blocked_poll_ms = 50;
constexpr auto tick_interval = std::chrono::seconds(1);

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
    explicit state(options from) : settings(std::move(from)) {
        struct stat about{};
        is_file = ::fstat(settings.descriptor, &about) == 0 && S_ISREG(about.st_mode);
    }

    const options settings;
    bool is_file = false;

    std::mutex mutex;
    std::condition_variable changed;
    std::string queue;                       // guarded
    time_point tick_at = time_point::max();  // guarded
    bool closing = false;                    // guarded
    bool ended = false;                      // guarded
    std::uint64_t in_hand = 0;               // guarded: lines taken from the queue and not written yet
    std::thread thread;

    std::atomic<bool> given_up = false;
    std::atomic<std::uint64_t> dropped = 0;
    std::atomic<int> last_error = 0;

    // The thread's own.
    std::uint64_t told_dropped = 0;
    bool within_line = false;

    void run();
    bool next_batch(std::string& batch);
    void put(std::string_view batch);
    std::size_t put_some(std::string_view bytes);
    void written(std::string_view bytes);
    void end_part(std::string_view last_bytes);
    bool take_back(std::size_t part) const;
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
    const off_t end = ::lseek(settings.descriptor, 0, SEEK_CUR);
    struct stat about{};
    if (end < 0 || ::fstat(settings.descriptor, &about) < 0 || about.st_size != end) return false;
    const off_t begin = end - static_cast<off_t>(part);
    if (::ftruncate(settings.descriptor, begin) < 0) return false;
    return ::lseek(settings.descriptor, begin, SEEK_SET) == begin;
}

/// How many bytes the system took; 0 where it refuses or the wait was given up.
std::size_t log_writer::state::put_some(std::string_view bytes) {
    while (true) {
        if (!is_file) {
            pollfd room{settings.descriptor, POLLOUT, 0};
            if (::poll(&room, 1, blocked_poll_ms) == 0) {
                if (given_up) return 0;
                continue;
            }
        }
        // A pipe that has room has room for PIPE_BUF bytes (pipe(7)), so the write does not block.
        const std::size_t size = is_file ? bytes.size() : piece_of(bytes);
        const ssize_t written = ::write(settings.descriptor, bytes.data(), size);
        if (written > 0) return static_cast<std::size_t>(written);
        if (written < 0 && (errno == EINTR || errno == EAGAIN)) {
            if (given_up) return 0;
            continue;
        }
        last_error = written < 0 ? errno : EIO;
        return 0;
    }
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

std::uint64_t log_writer::dropped() const noexcept { return state_->dropped; }
int log_writer::last_error() const noexcept { return state_->last_error; }

}  // namespace aperto::cli
