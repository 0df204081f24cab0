// SPDX-License-Identifier: MIT
//
// `mqtt_fan_out PORT TOPICS SUBSCRIBERS WINDOW SECONDS SERVER_PID`: loads a broker for MQTT 3.1.1. Each topic has one
// publisher and so many subscribers; of each, WINDOW messages of 64 bytes at a time are on their way, and the next one
// is published when everybody has one of them. Each byte delivered is compared. Prints messages delivered, seconds,
// CPU of the server in ns, and the times from publishing to the last subscriber: p50 and p99 in µs.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t payload_size = 64;
constexpr double warm_up_seconds = 0.2;

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    std::exit(1);
}

std::uint64_t nanoseconds_of(clockid_t which) {
    timespec now{};
    if (clock_gettime(which, &now) != 0) fail("the server is gone");
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

std::string sized(std::string_view text) {
    std::string out(1, static_cast<char>(text.size() >> 8));
    return (out += static_cast<char>(text.size() & 0xFF)).append(text);
}

/// Of fewer than 128 bytes.
std::string packet(unsigned char first, const std::string& body) {
    std::string out(1, static_cast<char>(first));
    return (out += static_cast<char>(body.size())) += body;
}

std::string message(const std::string& topic, std::uint64_t number) {
    std::string payload(payload_size, '.');
    std::memcpy(payload.data(), &number, sizeof number);
    return packet(0x30, sized(topic) + payload);
}

void send_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) fail("a connection is gone");
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void expect(int from, std::string_view wanted) {
    std::string got(wanted.size(), '\0');
    if (recv(from, got.data(), got.size(), MSG_WAITALL) != static_cast<ssize_t>(got.size()) || got != wanted)
        fail("the broker answers otherwise than it should");
}

int join(std::uint16_t port, const std::string& name) {
    const int joined = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(port);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(joined, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) fail("nobody listens");
    const int on = 1;
    setsockopt(joined, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    send_all(joined, packet(0x10, sized("MQTT") + std::string("\x04\x02\0\0", 4) + sized(name)));
    expect(joined, std::string_view("\x20\x02\0\0", 4));
    return joined;
}

struct topic {
    struct published {
        std::uint64_t at;
        std::size_t missing;  ///< subscribers who have not got it yet
    };
    std::string name;
    int publisher;
    std::size_t subscribers;
    std::uint64_t next = 0;              ///< number of the message to publish next
    std::deque<published> on_its_way{};  ///< the oldest first: numbers up to `next`
};

struct subscriber {
    int socket;
    topic& of;
    std::uint64_t next = 0;  ///< number of the message to get next
    std::string received{};
};

struct load {
    std::size_t window;
    std::uint64_t delivered = 0;
    std::vector<std::uint64_t> times{};

    void publish(topic& on) const {
        std::string all;
        for (; on.on_its_way.size() < window; ++on.next) {
            on.on_its_way.push_back({nanoseconds_of(CLOCK_MONOTONIC), on.subscribers});
            all += message(on.name, on.next);
        }
        send_all(on.publisher, all);
    }

    void receive(subscriber& by) {
        char buffer[16 * 1024];
        const ssize_t got = recv(by.socket, buffer, sizeof buffer, 0);
        if (got <= 0) fail("the broker sent a subscriber away");
        by.received.append(buffer, static_cast<std::size_t>(got));
        std::string_view rest = by.received;
        topic& of = by.of;
        for (std::string wanted = message(of.name, by.next); rest.size() >= wanted.size();
             wanted = message(of.name, by.next)) {
            if (!rest.starts_with(wanted)) fail("a subscriber got another message than the next one");
            rest.remove_prefix(wanted.size());
            --of.on_its_way[of.on_its_way.size() - (of.next - by.next++)].missing;
            ++delivered;
        }
        by.received.erase(0, by.received.size() - rest.size());
        const std::uint64_t now = nanoseconds_of(CLOCK_MONOTONIC);
        for (; !of.on_its_way.empty() && of.on_its_way.front().missing == 0; of.on_its_way.pop_front())
            times.push_back(now - of.on_its_way.front().at);
    }
};

double in_microseconds(std::vector<std::uint64_t>& times, double share) {
    if (times.empty()) fail("nothing was delivered");
    std::ranges::sort(times);
    return static_cast<double>(
               times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))]) /
           1e3;
}

}  // namespace

int main(int count, char** words) {
    if (count != 7) return 2;
    const auto port = static_cast<std::uint16_t>(std::atoi(words[1]));
    const std::size_t topic_count = std::strtoul(words[2], nullptr, 10);
    const std::size_t subscribers_of_each = std::strtoul(words[3], nullptr, 10);
    const double seconds = std::atof(words[5]);
    clockid_t server{};
    if (clock_getcpuclockid(std::atoi(words[6]), &server) != 0) fail("there is no such server");

    load all{.window = std::strtoul(words[4], nullptr, 10)};
    std::deque<topic> topics;
    std::deque<subscriber> subscribers;
    const int events = epoll_create1(0);
    for (std::size_t i = 0; i < topic_count; ++i) {
        const std::string name = "bench/" + std::to_string(i);
        topics.push_back({name, join(port, name), subscribers_of_each});
        for (std::size_t j = 0; j < subscribers_of_each; ++j) {
            const int joined = join(port, std::to_string(subscribers.size()));
            send_all(joined, packet(0x82, std::string("\0\1", 2) + sized(name) + '\0'));
            expect(joined, std::string_view("\x90\x03\0\1\0", 5));
            subscribers.push_back({joined, topics.back()});
            epoll_event wanted{};
            wanted.events = EPOLLIN;
            wanted.data.ptr = &subscribers.back();
            epoll_ctl(events, EPOLL_CTL_ADD, joined, &wanted);
        }
    }

    const std::uint64_t began = nanoseconds_of(CLOCK_MONOTONIC);
    const auto at = [began](double after) { return began + static_cast<std::uint64_t>(after * 1e9); };
    std::uint64_t since = 0;
    std::uint64_t cpu_before = 0;
    for (;;) {
        const std::uint64_t now = nanoseconds_of(CLOCK_MONOTONIC);
        if (since == 0 && now >= at(warm_up_seconds)) {
            since = now;
            cpu_before = nanoseconds_of(server);
            all.delivered = 0;
            all.times.clear();
        }
        if (now >= at(warm_up_seconds + seconds)) break;
        for (topic& each : topics)
            if (each.on_its_way.size() < all.window) all.publish(each);
        epoll_event ready[64];
        const int found = epoll_wait(events, ready, 64, 5000);
        if (found <= 0) fail("a message did not come");
        for (int i = 0; i < found; ++i)
            all.receive(*static_cast<subscriber*>(ready[i].data.ptr));
    }
    const std::uint64_t cpu = nanoseconds_of(server) - cpu_before;
    const auto measured = static_cast<double>(nanoseconds_of(CLOCK_MONOTONIC) - since) / 1e9;
    std::printf("%llu %.6f %llu %.1f %.1f\n", static_cast<unsigned long long>(all.delivered), measured,
                static_cast<unsigned long long>(cpu), in_microseconds(all.times, 0.5),
                in_microseconds(all.times, 0.99));
    return 0;
}
