// SPDX-License-Identifier: MIT
// A service that tells hundreds of subscribers something in each of its turns, and answers lines meanwhile;
// and clients of plain system calls whose line comes in two pieces and ends with a half-close. Every answer
// must be the one to the whole line.
//
//     fan_out ENGINE SECONDS [SUBSCRIBERS]     prints "right N, wrong M"; exit code 1 where one was wrong
#include "aperto/aperto.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr std::size_t askers = 8;
constexpr std::string_view subscribe = "subscribe";

struct tally {
    std::atomic<std::uint64_t> right{0};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<bool> over{false};
};

std::vector<aperto::stream*> subscribers;  // the loop's thread alone

struct subscription {
    explicit subscription(aperto::stream& of) : whose(&of) { subscribers.push_back(whose); }
    ~subscription() { std::erase(subscribers, whose); }
    subscription(const subscription&) = delete;
    subscription& operator=(const subscription&) = delete;
    aperto::stream* whose;
};

aperto::task<> session(aperto::stream peer) {
    while (const std::optional<std::string_view> line = co_await peer.read_line()) {
        if (*line == subscribe) {
            const subscription listed(peer);
            co_await peer.read_line();  // until it leaves
            co_return;
        }
        const std::string answer = "<" + std::string(*line) + ">\n";
        co_await peer.write(answer);
    }
}

/// Tells all of them in one turn, again and again.
aperto::task<> tick() {
    for (;;) {
        for (std::size_t i = 0; i < subscribers.size(); ++i) {
            try {
                aperto::detail::write_awaiter told = subscribers[i]->write("tick\n");
                co_await told;
            } catch (const aperto::error&) {
                // It has gone; its session is told.
            }
        }
        co_await aperto::sleep(1ms);
    }
}

// ---- clients of nothing but system calls

int connected(const aperto::endpoint& to) {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage address{};
    const socklen_t length = to.to_sockaddr(address);
    if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), length) == 0) return descriptor;
    ::close(descriptor);
    return -1;
}

void say(int descriptor, std::string_view bytes) {
    ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::string hear_to_the_end(int descriptor) {
    std::string all;
    char chunk[4096];
    for (;;) {
        const ssize_t got = ::recv(descriptor, chunk, sizeof chunk, 0);
        if (got <= 0) return got < 0 ? all + std::strerror(errno) : all;
        all.append(chunk, static_cast<std::size_t>(got));
    }
}

void ask(const aperto::endpoint& to, tally& seen, unsigned seed) {
    while (!seen.over) {
        const int descriptor = connected(to);
        if (descriptor < 0) continue;
        seed = seed * 1'664'525U + 1'013'904'223U;
        const std::string line(2 + (seed >> 16) % 60, static_cast<char>('a' + (seed >> 8) % 26));
        const std::size_t first = 1 + (seed >> 4) % (line.size() - 1);
        say(descriptor, std::string_view(line).substr(0, first));
        std::this_thread::sleep_for(std::chrono::microseconds((seed >> 12) % 3000));
        say(descriptor, std::string_view(line).substr(first));
        ::shutdown(descriptor, SHUT_WR);
        const std::string answer = hear_to_the_end(descriptor);
        ::close(descriptor);
        if (answer == "<" + line + ">\n") {
            ++seen.right;
            continue;
        }
        if (seen.over) break;
        if (++seen.wrong < 10) std::printf("wrong: %s instead of <%s>\n", answer.c_str(), line.c_str());
    }
}

/// Subscribes, and reads what comes.
void listen_on(const aperto::endpoint& to, std::size_t count, tally& seen) {
    const int watched = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<int> open;
    for (std::size_t i = 0; i < count; ++i) {
        const int descriptor = connected(to);
        if (descriptor < 0) continue;
        say(descriptor, "subscribe\n");
        epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
        ::epoll_ctl(watched, EPOLL_CTL_ADD, descriptor, &event);
        open.push_back(descriptor);
    }
    epoll_event events[64];
    char chunk[65'536];
    while (!seen.over) {
        const int ready = ::epoll_wait(watched, events, 64, 100);
        for (int i = 0; i < ready; ++i)
            if (::recv(events[i].data.fd, chunk, sizeof chunk, MSG_DONTWAIT) == 0)
                ::epoll_ctl(watched, EPOLL_CTL_DEL, events[i].data.fd, nullptr);
    }
    for (const int each : open)
        ::close(each);
    ::close(watched);
}

}  // namespace

int main(int count, char** words) {
    if (count < 3) return std::fprintf(stderr, "usage: fan_out ENGINE SECONDS [SUBSCRIBERS]\n"), 2;
    const bool on_epoll = std::strcmp(words[1], "epoll") == 0;
    const std::size_t many = count > 3 ? std::strtoul(words[3], nullptr, 10) : 600;
    const std::unique_ptr<aperto::loop> on =
        aperto::loop::create({.which = on_epoll ? aperto::engine::epoll : aperto::engine::uring});
    aperto::server shop({.host = "127.0.0.1", .port = 0}, session);
    tally seen;
    std::vector<std::thread> clients;
    auto story = [&]() -> aperto::task<> {
        aperto::task_group all;
        all.spawn(shop.run_on(*on));
        on->spawn(tick());
        const aperto::endpoint where = shop.endpoints().front();
        clients.emplace_back([&, where] { listen_on(where, many, seen); });
        for (unsigned i = 0; i < askers; ++i)
            clients.emplace_back([&, where, i] { ask(where, seen, i * 7919U + 1); });
        co_await aperto::sleep(std::chrono::seconds(std::strtoul(words[2], nullptr, 10)));
        seen.over = true;
        shop.stop();
        aperto::task<> ended = all.join();
        co_await ended;
    };
    on->run(story());
    for (std::thread& each : clients)
        each.join();
    std::printf("right %llu, wrong %llu\n", static_cast<unsigned long long>(seen.right),
                static_cast<unsigned long long>(seen.wrong));
    return seen.wrong > 0 || seen.right == 0 ? 1 : 0;
}
