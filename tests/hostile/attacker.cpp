// SPDX-License-Identifier: MIT
//
// What the hostile tests do faster than Python can, against a server on this machine:
//
//     attacker storm PORT COUNT      connections, each reset in the next of six states, as fast as they can
//     be
//                                    made; then a line of JSON
//     attacker drip PORT COUNT       clients that send a byte a second, until standard input ends; "ready"
//     when
//                                    all are connected
//     attacker cycle PORT COUNT      connections, each of one message and its answer, then closed; then a
//     line
//                                    of JSON
//     attacker honest PORT CLIENTS SECONDS RATE
//                                    questions that are due at even times, over that many connections; then a
//                                    line of JSON, times in milliseconds
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using std::chrono::steady_clock;

[[noreturn]] void give_up(const char* what) {
    std::fprintf(stderr, "attacker: %s: %s\n", what, std::strerror(errno));
    std::exit(1);
}

sockaddr_in address(std::uint32_t host, std::uint16_t port) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(host);
    where.sin_port = htons(port);
    return where;
}

constexpr std::uint32_t loopback = 0x7F00'0001;

class peer {
public:
    /// `number` chooses the address it comes from, a thousand to each, so that ports last.
    peer(std::uint16_t port, unsigned number) {
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (socket_ < 0) give_up("socket");
        const sockaddr_in from = address(loopback + 256 * (1 + number / 1000 % 200), 0);
        const sockaddr_in to = address(loopback, port);
        const int late = 1;
        ::setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late);
        if (::bind(socket_, reinterpret_cast<const sockaddr*>(&from), sizeof from) < 0) give_up("bind");
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) give_up("connect");
    }
    peer(peer&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
    peer& operator=(peer&&) = delete;
    ~peer() {
        if (socket_ >= 0) ::close(socket_);
    }
    void send(std::string_view bytes) const { ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
    /// As much as the kernel takes at once.
    void push(std::string_view bytes) const {
        ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    void half_close() const { ::shutdown(socket_, SHUT_WR); }
    std::size_t receive(std::size_t size) const {
        std::array<char, 256> bytes;
        const ssize_t got = ::recv(socket_, bytes.data(), std::min(size, bytes.size()), MSG_WAITALL);
        return got < 0 ? 0 : static_cast<std::size_t>(got);
    }
    void at_once() const {
        const int on = 1;
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    void reset() {
        const linger now{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        ::close(std::exchange(socket_, -1));
    }

private:
    int socket_ = -1;
};

double seconds_since(steady_clock::time_point began) {
    return std::chrono::duration<double>(steady_clock::now() - began).count();
}

/// Each state in which a server can be when a client breaks the connection off.
constexpr unsigned states = 6;
void reach_state(const peer& client, unsigned state, const std::string& much) {
    switch (state) {
    case 0:
        return;  // connected
    case 1:
        return client.send("half a li");
    case 2:
        return client.send("question\n");  // the answer is on its way
    case 3:
        client.send("question\n");
        client.receive(9);
        return;
    case 4:
        return client.push(much);  // answers that nobody reads
    default:
        client.send("question\n");
        client.half_close();
    }
}

int storm(std::uint16_t port, unsigned count) {
    const std::string much = std::string(65'535, 'x') + '\n';
    std::array<unsigned, states> reset{};
    const auto began = steady_clock::now();
    for (unsigned number = 0; number < count; ++number) {
        peer client(port, number);
        reach_state(client, number % states, much);
        client.reset();
        ++reset[number % states];
    }
    const double took = seconds_since(began);
    std::printf("{\"resets\": %u, \"least_in_a_state\": %u, \"seconds\": %.3f, \"rate\": %.0f}\n", count,
                *std::min_element(reset.begin(), reset.end()), took, count / took);
    return 0;
}

int cycle(std::uint16_t port, unsigned count) {
    unsigned answered = 0;
    const auto began = steady_clock::now();
    for (unsigned number = 0; number < count; ++number) {
        peer client(port, number);
        client.send("once\n");
        answered += client.receive(5) == 5;
        client.reset();
    }
    std::printf("{\"connections\": %u, \"answered\": %u, \"seconds\": %.3f}\n", count, answered,
                seconds_since(began));
    return answered == count ? 0 : 1;
}

int drip(std::uint16_t port, unsigned count) {
    std::vector<peer> clients;
    clients.reserve(count);
    for (unsigned number = 0; number < count; ++number) {
        clients.emplace_back(port, number);
        clients.back().push("x");
    }
    std::puts("ready");
    std::fflush(stdout);
    pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    // One after the other over the second: in bursts it would be this program that makes others wait.
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    const auto apart = std::chrono::nanoseconds(1'000'000'000 / count);
    auto due = steady_clock::now();
    for (std::size_t at = 0; ::poll(&input, 1, 0) == 0; at = (at + 1) % clients.size()) {
        clients[at].push("x");
        due += apart;
        std::this_thread::sleep_until(due);
    }
    return 0;
}

int honest(std::uint16_t port, unsigned count, unsigned seconds, unsigned rate) {
    std::vector<peer> clients;
    for (unsigned number = 0; number < count; ++number) {
        clients.emplace_back(port, number);
        clients.back().at_once();
    }
    std::vector<double> took;
    unsigned wrong = 0;
    auto due = steady_clock::now();
    for (unsigned number = 0; number < seconds * rate; ++number) {
        std::this_thread::sleep_until(due);
        const peer& client = clients[number % count];
        const auto began = steady_clock::now();
        client.send("honest\n");
        wrong += client.receive(7) != 7;
        took.push_back(1e3 * seconds_since(began));
        due += std::chrono::nanoseconds(1'000'000'000 / rate);
    }
    std::sort(took.begin(), took.end());
    const auto quantile = [&](double part) {
        return took[static_cast<std::size_t>(part * static_cast<double>(took.size() - 1))];
    };
    std::printf(
        "{\"asked\": %zu, \"wrong\": %u, \"p50\": %.4f, \"p90\": %.4f, \"p99\": %.4f, \"max\": %.4f}\n",
        took.size(), wrong, quantile(0.5), quantile(0.9), quantile(0.99), took.back());
    return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    const std::vector<std::string> arguments(words + 1, words + count);
    std::vector<unsigned> numbers;
    for (std::size_t at = 1; at < arguments.size(); ++at)
        numbers.push_back(static_cast<unsigned>(std::strtoul(arguments[at].c_str(), nullptr, 10)));
    const std::string what = arguments.empty() ? "" : arguments[0];
    const auto port = static_cast<std::uint16_t>(numbers.empty() ? 0 : numbers[0]);
    if (what == "storm" && numbers.size() == 2) return storm(port, numbers[1]);
    if (what == "cycle" && numbers.size() == 2) return cycle(port, numbers[1]);
    if (what == "drip" && numbers.size() == 2) return drip(port, numbers[1]);
    if (what == "honest" && numbers.size() == 4) return honest(port, numbers[1], numbers[2], numbers[3]);
    std::fputs("usage: attacker storm|cycle|drip PORT COUNT, attacker honest PORT CLIENTS SECONDS RATE\n",
               stderr);
    return 2;
}
