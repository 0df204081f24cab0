// SPDX-License-Identifier: MIT
// The side that asks: many files at once, each until it is there, however often the connection breaks.
#pragma once

#include "transfer.hpp"

#include <cstdio>
#include <map>

namespace files {

/// For people: names from elsewhere must not move their cursor.
inline std::string shown(text raw) {
    std::string out;
    for (const char each : raw)
        out += static_cast<unsigned char>(each) < ' ' || each == '\x7f' ? '?' : each;
    return out;
}
inline std::string amount(double bytes) {
    const char* const unit = bytes >= 1e9 ? "GB" : bytes >= 1e6 ? "MB" : "kB";
    char out[32];
    std::snprintf(out, sizeof out, "%.1f %s", bytes / (bytes >= 1e9 ? 1e9 : bytes >= 1e6 ? 1e6 : 1e3), unit);
    return out;
}

/// A file or a folder to be transferred.
struct item {
    entry what{};
    int from = -1;         ///< put: the folder that it is in
    std::string source{};  ///< its path there
    std::uint64_t at = 0;  ///< so much of it is there
};

/// Says whom the client trusts: called with each new connection, throws `refusal`.
using trust = std::function<void(aperto::stream&)>;

/// All that one run of the program transfers.
class job {
public:
    aperto::host_port where{};
    aperto::client_options options{};
    trust check{};
    int into = -1;                     ///< get: the folder that the files come into
    aperto::duration patience = 2min;  ///< without anything moving, before it gives up
    std::size_t lanes = 8;             ///< connections at once
    bool is_terminal = false;          ///< where it is said
    bool is_quiet = false;             ///< nothing is said
    std::vector<item> files{}, folders{};
    int failures = 0;
    std::uint64_t breaks = 0;  ///< connections that ended before their time

    void say(const std::string& line) const {
        if (is_quiet) return;
        std::fprintf(stderr, "%s%s\n", is_terminal ? "\r\033[K" : "", line.c_str());
    }
    void add(entry what, int from, std::string source) {
        if (what.kind == 'l') return say("left out, neither a file nor a folder: " + shown(what.path));
        all_bytes_ += what.kind == 'f' ? what.size : 0;
        (what.kind == 'f' ? files : folders).push_back({std::move(what), from, std::move(source)});
    }
    /// put: what is at `source` and below, to be `target`.
    void add_source(int folder, const std::string& source, const std::string& target) {
        walk(folder, source, [&](entry each) {
            std::string path = each.path;
            each.path = target + path.substr(source.size());
            add(std::move(each), folder, std::move(path));
        });
    }

    // [lane]
    /// A connection that takes one thing after the other. What breaks is tried again, later and later, while anything has moved
    /// within `patience`.
    aperto::task<> lane(std::vector<item>& all, std::size_t& next) {
        aperto::stream peer;
        while (next < all.size()) {
            item& mine = all[next++];
            aperto::duration pause = 50ms;
            for (int spoilt = 0;;) {
                std::string broken;
                const std::uint64_t before = mine.at;
                try {
                    co_await move(peer, mine);
                    break;
                } catch (const wrong_hash& why) {
                    if (++spoilt == 3) {
                        fail(mine, why.what());
                        break;
                    }
                    broken = why.what();
                } catch (const refusal& why) {
                    fail(mine, why.what());
                    peer = {};
                    break;
                } catch (const aperto::error& why) {
                    broken = why.what();
                }
                peer.abort();
                peer = {};
                ++breaks;
                if (given_up_ || now() - moved_ > patience) {
                    given_up_ = true;
                    fail(mine, broken);
                    break;
                }
                if (mine.at > before) pause = 50ms;
                const auto most = static_cast<std::uint64_t>(pause.count());
                co_await aperto::sleep(aperto::duration(aperto::loop::current().random() % most));
                pause = std::min<aperto::duration>(2 * pause, 3s);
            }
        }
    }
    // [/lane]

    /// get: asks for what is at `path`, to be `target` here.
    aperto::task<> list(std::string path, std::string target) {
        std::vector<entry> found;
        for (aperto::duration pause = 50ms;; pause = std::min<aperto::duration>(2 * pause, 3s)) {
            try {
                found = co_await ask_for_list(path);
                break;
            } catch (const aperto::error&) {
                if (now() - moved_ > patience) throw;
            }
            co_await aperto::sleep(pause);
        }
        moved_ = now();
        for (entry& each : found) {
            std::string source = each.path;
            if (!text(source).starts_with(path)) throw refusal("the other side lists what was not asked for");
            each.path = target + source.substr(path.size());
            add(std::move(each), -1, std::move(source));
        }
    }

    /// Transfers all of it: the files, then the folders with their modes and times, the deepest first.
    aperto::task<> run() {
        moved_ = began_ = now();
        aperto::event over;
        aperto::task_group beside;
        if (!is_quiet) beside.spawn(show(over));
        std::size_t next = 0;
        aperto::task_group together;
        for (std::size_t i = 0; i < std::min(lanes, files.size()); ++i)
            together.spawn(lane(files, next));
        co_await together.join();
        std::sort(folders.begin(), folders.end(),
                  [](const item& one, const item& other) { return one.what.path > other.what.path; });
        next = 0;
        co_await lane(folders, next);
        over.set();
        co_await beside.join();
    }
    /// Before `list`.
    void begin() { moved_ = now(); }

private:
    void fail(const item& which, const std::string& why) {
        ++failures;
        say("FAILED: " + shown(which.what.path) + ": " + shown(why));
    }
    void reached(item& of, std::uint64_t at) {
        if (at > of.at) moved_ = now();
        bytes_ += at - of.at;  // less, where the other side has lost some
        of.at = at;
    }
    aperto::task<> connect(aperto::stream& peer) {
        if (peer) co_return;
        peer = co_await aperto::connect(where, options);
        check(peer);
    }
    aperto::task<std::vector<entry>> ask_for_list(const std::string& path) {
        aperto::stream peer;
        co_await connect(peer);
        co_await peer.write_message(join("list", path));
        std::vector<entry> found;
        for (;;) {
            const std::vector<std::string> line = co_await hear(peer);
            if (line[0] == "end") co_return found;
            if (line.size() != 5 || line[0].size() != 1) throw refusal("what it lists is no entry");
            found.push_back({line[0][0], line[1], number_in<unsigned>(line, 2),
                             number_in<std::int64_t>(line, 3), number_in<std::uint64_t>(line, 4)});
        }
    }
    aperto::task<> move(aperto::stream& peer, item& mine) {
        if (mine.what.kind == 'd' && into >= 0) {
            put_folder(into, mine.what);
            co_return;
        }
        co_await connect(peer);
        aperto::task<> moving = mine.what.kind == 'd' ? put_dir(peer, mine)
                                : into >= 0           ? get(peer, mine)
                                                      : put(peer, mine);
        co_await moving;
        moved_ = now();
    }
    aperto::task<> put_dir(aperto::stream& peer, item& mine) {
        co_await peer.write_message(
            join("dir", mine.what.path, number(mine.what.mode), number(mine.what.time)));
        co_await hear(peer);
    }
    // [put]
    static aperto::task<> give_and_wait(aperto::stream& peer, int file, std::uint64_t from,
                                        std::uint64_t size, progress tell) {
        co_await give(peer, file, from, size, tell);
        aperto::event never;
        co_await never.wait();
    }
    aperto::task<> put(aperto::stream& peer, item& mine) {
        const descriptor file = open_beneath(mine.from, mine.source, O_RDONLY);
        struct stat about{};
        if (!file || ::fstat(file.get(), &about) != 0) throw refusal::of_errno("open it");
        const entry is = entry_of(mine.what.path, about);  // it may have changed since it was listed
        if (is.kind != 'f') throw refusal("it is no file any more");
        co_await peer.write_message(join("put", is.path, number(is.mode), number(is.time), number(is.size)));
        std::vector<std::string> said = co_await hear(peer);
        if (said[0] == "at") {
            const auto from = number_in<std::uint64_t>(said, 1);
            if (from > is.size) throw refusal("the other side has more than there is");
            reached(mine, from);
            progress tell = [this, &mine](std::uint64_t at) { reached(mine, at); };
            // The answer may come before all is sent: where the disk is full.
            auto [given, heard] = co_await aperto::first(
                give_and_wait(peer, file.get(), from, is.size, std::move(tell)), hear(peer));
            if (heard) said = std::move(*heard);
        }
        if (said[0] != "done") throw refusal("the other side answers something else");
        reached(mine, is.size);
    }
    // [/put]
    // [get]
    aperto::task<> get(aperto::stream& peer, item& mine) {
        incoming coming(into, mine.what);
        if (!coming.is_there()) {
            reached(mine, coming.offset());
            co_await peer.write_message(join("get", mine.source, number(coming.offset()),
                                             number(mine.what.size), number(mine.what.time)));
            const std::vector<std::string> said = co_await hear(peer);
            if (said[0] != "at") throw refusal("the other side answers something else");
            const progress tell = [this, &mine](std::uint64_t at) { reached(mine, at); };
            co_await take(peer, coming, tell);
        }
        reached(mine, mine.what.size);
    }
    // [/get]

    // [show]
    /// A bar where there is a terminal to draw it on, else a line now and then.
    aperto::task<> show(aperto::event& over) {
        for (bool ended = false; !ended;) {
            ended = co_await over.wait(is_terminal ? aperto::duration(200ms) : aperto::duration(10s));
            const std::chrono::duration<double> since = now() - began_;
            const auto all = static_cast<double>(all_bytes_), done = static_cast<double>(bytes_);
            const double part = all_bytes_ == 0 ? 1 : std::min(1.0, done / all);
            const double rate = done / std::max(since.count(), 1e-3);
            std::string line = number(static_cast<int>(part * 100)) + " %  " + amount(done) + " of " +
                               amount(all) + "  " + amount(rate) + "/s";
            if (!ended && rate > 0) {
                const auto left = static_cast<std::uint64_t>(std::max(0.0, all - done) / rate);
                const std::string seconds = number(left % 60);
                line += "  " + number(left / 60) + ":" + (seconds.size() < 2 ? "0" : "") + seconds + " left";
            }
            if (breaks > 0) line += "  " + number(breaks) + " breaks";
            if (is_terminal) {
                const auto full = static_cast<std::size_t>(part * 30);
                line = "[" + std::string(full, '#') + std::string(30 - full, '.') + "] " + line;
            }
            std::fprintf(stderr, "%s%s%s", is_terminal ? "\r\033[K" : "", line.c_str(),
                         ended || !is_terminal ? "\n" : "");
        }
    }
    // [/show]

    std::uint64_t all_bytes_ = 0, bytes_ = 0;
    aperto::time_point began_{}, moved_{};
    bool given_up_ = false;
};

}  // namespace files
