// SPDX-License-Identifier: MIT
// Runs the stories of the whole stack over many seeds:
//
//     sim_seeds --seeds 100000 --from 1 --jobs 2     one after the other; stops at the first that fails
//     sim_seeds --seed 4711                          this one alone, with its log
//     sim_seeds --seeds 2000 --tally                 goes on, and counts those that fail
//
// Each seed is told in weather that breaks nothing, or that breaks connections, by the seed.
#include "sim/story.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

extern "C" {
/// Which planted bug is on; only the build with canaries looks at it.
unsigned aperto_canary = 0;
}

namespace {

using aperto::sim::check_options;

struct asked {
    std::uint64_t seeds = 100'000;
    std::uint64_t from = 1;
    std::uint64_t only = 0;
    unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
    bool quiet = false;
    bool tally = false;  ///< goes on after a failure, and counts
};

check_options options_of(std::uint64_t seed) {
    check_options options;
    options.first_seed = seed;
    options.seeds = 1;
    options.chance = seed % 3 == 0 ? check_options::mischief::breaking : check_options::mischief::harmless;
    options.print = false;
    options.replay_command = [](std::uint64_t failing) {
        const std::string planted = aperto_canary ? " --canary " + std::to_string(aperto_canary) : "";
        return "sim_seeds --seed " + std::to_string(failing) + planted;
    };
    return options;
}

aperto::sim::check_result run_seed(std::uint64_t seed) {
    const check_options options = options_of(seed);
    return check(options, [&](aperto::sim::world& world) { tell_a_story(world, options.chance); });
}

struct totals {
    std::mutex mutex;
    std::atomic<std::uint64_t> next;
    std::atomic<bool> failed = false;
    std::uint64_t run = 0;
    std::uint64_t events = 0;
    aperto::duration simulated{};
    std::string report;
    std::uint64_t failing_seed = 0;
    std::uint64_t failures = 0;
};

void work(const asked& wanted, totals& all) {
    constexpr std::uint64_t share = 64;
    while (!all.failed) {
        const std::uint64_t first = all.next.fetch_add(share);
        const std::uint64_t end = std::min(first + share, wanted.from + wanted.seeds);
        for (std::uint64_t seed = first; seed < end && !all.failed; ++seed) {
            const aperto::sim::check_result seen = run_seed(seed);
            const std::lock_guard lock(all.mutex);
            ++all.run;
            all.events += seen.events;
            all.simulated += seen.simulated;
            if (seen) continue;
            ++all.failures;
            if (wanted.tally) continue;
            // The lowest that failed, whichever thread saw its own first.
            if (!all.failed.exchange(true) || seed < all.failing_seed) {
                all.failing_seed = seed;
                all.report = seen.report;
            }
        }
        if (end == wanted.from + wanted.seeds) return;
    }
}

bool read_arguments(int count, char** words, asked& wanted) {
    for (int i = 1; i < count; ++i) {
        const std::string word = words[i];
        if (word == "--quiet" || word == "--tally") {
            (word == "--quiet" ? wanted.quiet : wanted.tally) = true;
            continue;
        }
        if (i + 1 == count) return false;
        const std::uint64_t number = std::strtoull(words[++i], nullptr, 10);
        if (word == "--seeds")
            wanted.seeds = number;
        else if (word == "--from")
            wanted.from = number;
        else if (word == "--seed")
            wanted.only = number;
        else if (word == "--jobs")
            wanted.jobs = static_cast<unsigned>(number);
        else if (word == "--canary")
            aperto_canary = static_cast<unsigned>(number);
        else
            return false;
    }
    if (wanted.only) {
        ::setenv("APERTO_SIM_SEED", std::to_string(wanted.only).c_str(), 1);  // the log is wanted
        wanted.from = wanted.only;
        wanted.seeds = wanted.jobs = 1;
    }
    return true;
}

}  // namespace

int main(int count, char** words) {
    asked wanted;
    if (!read_arguments(count, words, wanted)) {
        std::fprintf(stderr,
                     "usage: sim_seeds [--seeds N] [--from S] [--seed X] [--jobs J] [--canary C] [--quiet] "
                     "[--tally]\n");
        return 2;
    }
    totals all;
    all.next = wanted.from;
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < wanted.jobs; ++i)
        threads.emplace_back([&] { work(wanted, all); });
    for (std::thread& each : threads)
        each.join();
    if (wanted.tally)
        std::printf("found in %llu of %llu seeds\n", static_cast<unsigned long long>(all.failures),
                    static_cast<unsigned long long>(all.run));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (all.failed && !wanted.quiet) std::fputs(all.report.c_str(), stdout);
    if (all.failed && wanted.quiet) std::printf("%s\n", all.report.substr(0, all.report.find('\n')).c_str());
    std::printf("%llu seeds, %llu events, %.0f h of virtual time in %.1f s: %s\n",
                static_cast<unsigned long long>(all.run), static_cast<unsigned long long>(all.events),
                std::chrono::duration<double>(all.simulated).count() / 3600, seconds,
                all.failed ? "FAILED" : "ok");
    return all.failed ? 1 : 0;
}
