// SPDX-License-Identifier: MIT
// ./pool PORT HOST:PORT answers each line with what the server at HOST:PORT answers to it, over four connections a
// worker that are kept from one question to the next, and tells once a second how many were asked.
#include <aperto/aperto.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

using namespace std::chrono_literals;

class pool {
public:
    explicit pool(std::string where) : where_(std::move(where)) { options_.stream.idle_timeout = 2s; }

    /// Waits for one of the connections; throws `aperto::error` where the answer does not come.
    aperto::task<std::string> ask(std::string_view question) {
        const aperto::semaphore::permit mine = co_await places_.acquire(2s);
        const std::string line = std::string(question) + '\n';
        ++asked_;
        while (!idle_.empty()) {
            aperto::stream kept = std::move(idle_.back());
            idle_.pop_back();
            auto answer = co_await aperto::as_result(exchange(kept, line));
            if (!answer) continue;  // it had gone stale
            idle_.push_back(std::move(kept));
            co_return std::move(*answer);
        }
        aperto::stream fresh = co_await aperto::connect(where_, options_);
        std::string answer = co_await exchange(fresh, line);
        idle_.push_back(std::move(fresh));
        co_return answer;
    }

    /// Since it was last asked.
    unsigned asked() { return std::exchange(asked_, 0); }

private:
    static aperto::task<std::string> exchange(aperto::stream& with, std::string_view line) {
        co_await with.write(line);
        const auto answer = co_await with.read_line();
        if (!answer) throw aperto::error(aperto::errc::cut_short, "get an answer");
        co_return std::string(*answer);
    }

    std::string where_;
    aperto::client_options options_;
    aperto::semaphore places_{4};
    std::vector<aperto::stream> idle_;
    unsigned asked_ = 0;
};

thread_local pool* upstream = nullptr;  // of the worker

aperto::task<> keep_pool(aperto::background& here, std::string where) {
    pool connections(where);
    struct presence {
        explicit presence(pool& here) { upstream = &here; }
        ~presence() { upstream = nullptr; }
    } const known(connections);
    for (bool over = false; !over; over = co_await here.stopping(1s))
        if (const unsigned asked = connections.asked()) std::fprintf(stderr, "%u questions\n", asked);
    co_await here.drained();  // until then conversations use it
}

aperto::task<std::string> answer(std::string_view question) {
    if (!upstream) co_return "unavailable";
    auto reply = co_await aperto::as_result(upstream->ask(question));
    co_return reply ? std::move(*reply) : "unavailable: " + std::string(reply.error().what());
}

int main(int count, char** words) {
    if (count != 3) return std::fputs("usage: pool PORT HOST:PORT\n", stderr), 2;
    const std::string where = words[2];
    const auto beside = [where](aperto::background& here) { return keep_pool(here, where); };
    return aperto::serve({.port = static_cast<std::uint16_t>(std::atoi(words[1])),
                          .framing = aperto::framing::line,
                          .background = beside},
                         answer);
}
