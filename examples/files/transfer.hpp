// SPDX-License-Identifier: MIT
// What the two sides say: messages of fields with a NUL between them, each behind its length (framing `length`), and a file's bytes as
// they are.
//
//     put PATH MODE TIME SIZE    at OFFSET, then the bytes from there and SHA-256 of all of it from the other side, then done
//     get PATH OFFSET SIZE TIME  at OFFSET, then the bytes from there, and SHA-256 of all of it
//     dir PATH MODE TIME         done
//     list PATH                  KIND PATH MODE TIME SIZE of each, then end
//
// "no WHY" is the answer to what cannot be, "busy" where the same file is being written. An empty message says: I am at work.
#pragma once

#include "folder.hpp"

namespace files {

using namespace std::chrono_literals;

constexpr aperto::duration sign_of_life = 3s;
constexpr std::uint64_t piece = 512 * 1024;  ///< bytes; what moved is counted so often

inline aperto::time_point now() { return aperto::loop::current().now(); }

template <class... Field>
std::string join(const Field&... fields) {
    std::string out;
    ((out.append(fields), out += '\0'), ...);
    out.pop_back();
    return out;
}
inline std::string number(auto value) { return std::to_string(value); }
inline std::vector<std::string> split(text message) {
    std::vector<std::string> out(1);
    for (const char each : message)
        each == '\0' ? void(out.emplace_back()) : void(out.back() += each);
    return out;
}
template <class Number>
Number number_in(const std::vector<std::string>& fields, std::size_t at) {
    Number value{};
    if (at >= fields.size()) throw refusal("a message that lacks a field");
    const char* const end = fields[at].data() + fields[at].size();
    const auto [rest, wrong] = std::from_chars(fields[at].data(), end, value);
    if (wrong != std::errc() || rest != end) throw refusal("a message with a wrong number");
    return value;
}

// [digest]
/// SHA-256 of a file as it stands on the disk, from its first byte: by a helper thread, behind those who write or send it.
class digest {
public:
    explicit digest(int file) : state_(std::make_shared<state>()) {
        state_->file = descriptor(::fcntl(file, F_DUPFD_CLOEXEC, 0));
    }
    std::uint64_t done() const noexcept { return done_; }
    std::string finish() { return state_->sum.finish(); }
    /// Goes on, as far as `end` at the most.
    aperto::task<> advance(std::uint64_t end) {
        const std::uint64_t from = done_, to = std::min(end, from + 8 * piece);
        if (to - from <= piece / 8) {  // a thread would take longer
            add(*state_, from, to);
        } else {
            aperto::task<> adding = aperto::aside([mine = state_, from, to] { add(*mine, from, to); });
            co_await adding;
        }
        done_ = to;
    }

private:
    struct state {
        descriptor file;
        hasher sum;
        std::string buffer;
    };
    static void add(state& to, std::uint64_t from, std::uint64_t end) {
        to.buffer.resize(piece / 8);
        while (from < end) {
            const std::size_t wanted = std::min<std::uint64_t>(end - from, to.buffer.size());
            const ssize_t got = ::pread(to.file.get(), to.buffer.data(), wanted, static_cast<off_t>(from));
            if (got <= 0) throw aperto::error(aperto::errc::cut_short, "read a file");
            to.sum.feed(text(to.buffer).substr(0, static_cast<std::size_t>(got)));
            from += static_cast<std::uint64_t>(got);
        }
    }
    std::shared_ptr<state> state_;
    std::uint64_t done_ = 0;
};
// [/digest]

/// Told how far a file is.
using progress = std::function<void(std::uint64_t)>;

// [give]
inline aperto::task<> send_bytes(aperto::stream& peer, int file, std::uint64_t from, std::uint64_t size,
                                 const progress& tell, bool& is_sent) {
    while (from < size) {
        const std::uint64_t some = std::min(size - from, piece);
        co_await peer.send_file(file, from, some);
        from += some;
        if (tell) tell(from);
    }
    is_sent = true;
}
inline aperto::task<> hash_while_sent(aperto::stream& peer, digest& sum, std::uint64_t size,
                                      const bool& is_sent) {
    aperto::time_point told = now();
    while (sum.done() < size) {
        co_await sum.advance(size);
        if (!is_sent || now() - told < sign_of_life) continue;
        told = now();
        co_await peer.write_message("");
    }
}
/// Sends a file from `from` on, and at the same time learns the SHA-256 of all of it, which goes last.
inline aperto::task<> give(aperto::stream& peer, int file, std::uint64_t from, std::uint64_t size,
                           progress tell) {
    digest sum(file);
    bool is_sent = false;
    co_await aperto::all(send_bytes(peer, file, from, size, tell, is_sent),
                         hash_while_sent(peer, sum, size, is_sent));
    co_await peer.write_message(sum.finish());
}
// [/give]

// [take]
inline aperto::task<> receive_bytes(aperto::stream& peer, incoming& into, aperto::event& more,
                                    const progress& tell) {
    while (into.offset() < into.what().size) {
        const auto bytes = co_await peer.peek();
        if (!bytes) throw aperto::error(aperto::errc::cut_short, "receive a file");
        const text mine = bytes->substr(0, into.what().size - into.offset());
        into.write(mine);
        peer.consume(mine.size());
        more.set();
        if (tell) tell(into.offset());
    }
}
inline aperto::task<> hash_behind(aperto::stream& peer, incoming& into, digest& sum, aperto::event& more) {
    aperto::time_point told = now();
    const std::uint64_t size = into.what().size;
    while (sum.done() < size) {
        more.reset();
        const std::uint64_t there = into.offset();
        if (there - sum.done() < 2 * piece && there < size) {
            co_await more.wait(sign_of_life);
        } else {
            co_await sum.advance(there);
        }
        if (now() - told < sign_of_life) continue;
        told = now();
        co_await peer.write_message("");
    }
}
/// The next message that says something.
inline aperto::task<std::vector<std::string>> hear(aperto::stream& peer) {
    for (;;) {
        const auto message = co_await peer.read_message();
        if (!message) throw aperto::error(aperto::errc::cut_short, "hear the other side");
        if (message->empty()) continue;
        std::vector<std::string> said = split(*message);
        if (said[0] == "no") throw refusal("the other side says: " + (said.size() > 1 ? said[1] : ""));
        if (said[0] == "spoilt") throw wrong_hash("the other side had other bytes (SHA-256)");
        if (said[0] == "busy")
            throw aperto::error(std::make_error_code(std::errc::device_or_resource_busy), "write a file");
        co_return said;
    }
}
/// Receives the rest of a file, checks all of it as it stands on the disk, and puts it in its place.
inline aperto::task<> take(aperto::stream& peer, incoming& into, progress tell) {
    digest sum(into.file());
    aperto::event more;
    co_await aperto::all(receive_bytes(peer, into, more, tell), hash_behind(peer, into, sum, more));
    const std::vector<std::string> hash = co_await hear(peer);
    into.finish(sum.finish(), hash[0]);
}
// [/take]

/// What a server shares.
struct shared_folder {
    int root = -1;
    bool read_only = false;
};

inline aperto::task<> answer_put(aperto::stream& peer, int root, const std::vector<std::string>& asked) {
    entry what{'f', asked.at(1), number_in<unsigned>(asked, 2), number_in<std::int64_t>(asked, 3),
               number_in<std::uint64_t>(asked, 4)};
    incoming into(root, what);
    if (!into.is_there()) {
        co_await peer.write_message(join("at", number(into.offset())));
        aperto::task<> taking = take(peer, into, {});
        co_await taking;
    }
    co_await peer.write_message("done");
}
inline aperto::task<> answer_get(aperto::stream& peer, int root, const std::vector<std::string>& asked) {
    const auto from = number_in<std::uint64_t>(asked, 2), size = number_in<std::uint64_t>(asked, 3);
    const auto time = number_in<std::int64_t>(asked, 4);
    descriptor file(-1);
    if (is_name(asked[1])) file = open_beneath(root, asked[1], O_RDONLY);
    struct stat about{};
    if (!file || ::fstat(file.get(), &about) != 0) throw refusal("it cannot be opened");
    const entry is = entry_of("", about);
    if (is.kind != 'f' || is.size != size || is.time != time || from > size)
        throw refusal("it has changed meanwhile");
    co_await peer.write_message(join("at", asked[2]));
    aperto::task<> giving = give(peer, file.get(), from, size, {});
    co_await giving;
}
inline aperto::task<> answer_list(aperto::stream& peer, int root, const std::vector<std::string>& asked) {
    if (!asked.at(1).empty() && !is_name(asked[1])) throw refusal("a name that leads elsewhere");
    std::vector<std::string> lines;
    walk(root, asked[1], [&lines](const entry& each) {
        lines.push_back(
            join(text(&each.kind, 1), each.path, number(each.mode), number(each.time), number(each.size)));
    });
    for (const std::string& line : lines)
        co_await peer.write_message(line);
    co_await peer.write_message("end");
}
// [serve]
/// Answers one who asks, as long as he asks.
inline aperto::task<> serve(aperto::stream peer, shared_folder here) {
    while (const auto message = co_await peer.read_message()) {
        if (message->empty()) continue;
        std::string wrong;
        try {
            const std::vector<std::string> asked = split(*message);
            const bool writes = asked[0] == "put" || asked[0] == "dir";
            if (writes && here.read_only) throw refusal("it is for reading only");
            if (asked.size() < 2) throw refusal("what is asked is not known");
            aperto::task<> answering;
            if (asked[0] == "put") answering = answer_put(peer, here.root, asked);
            if (asked[0] == "get") answering = answer_get(peer, here.root, asked);
            if (asked[0] == "list") answering = answer_list(peer, here.root, asked);
            if (asked[0] == "dir") {
                put_folder(here.root, {'d', asked[1], number_in<unsigned>(asked, 2),
                                       number_in<std::int64_t>(asked, 3), 0});
                answering = peer.write_message("done");
            }
            if (!answering) throw refusal("what is asked is not known");
            co_await answering;
            continue;
        } catch (const wrong_hash&) {
            wrong = "spoilt";
        } catch (const refusal& why) {
            wrong = join("no", why.what());
        } catch (const aperto::error& why) {
            if (why.code() != std::errc::device_or_resource_busy) throw;
            wrong = "busy";
        }
        co_await peer.write_message(wrong);
        co_await peer.shutdown_write();
        for (bool ended = false; !ended;)  // what is under way still comes, and is nobody's
            ended = !co_await peer.read_some();
        co_return;
    }
}
// [/serve]

}  // namespace files
