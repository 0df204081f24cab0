// SPDX-License-Identifier: MIT
#include "aperto/sim.hpp"
#include "sim/faults.hpp"
#include "sim/last_words.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <new>

namespace aperto::sim {
namespace {

std::optional<std::uint64_t> number_from_environment(const char* name) {
    const char* const text = std::getenv(name);
    if (!text || !*text) return {};
    return std::strtoull(text, nullptr, 10);
}

/// This program's command line, as a shell takes it.
std::string command_line() {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    const std::string raw((std::istreambuf_iterator<char>(file)), {});
    std::string line;
    for (std::size_t at = 0; at < raw.size();) {
        const std::string word = raw.c_str() + at;
        at += word.size() + 1;
        const bool plain =
            word.find_first_of(" \t*?'\"$\\;&|<>()[]{}#~`!") == std::string::npos && !word.empty();
        if (!line.empty()) line += ' ';
        line += plain ? word : "'" + word + "'";
    }
    return line;
}

world_options options_for(const check_options& options, std::uint64_t seed) {
    world_options chosen = options.world;
    chosen.seed = seed;
    if (options.chance != check_options::mischief::none)
        chosen.faults = faults::swarm(seed, options.chance == check_options::mischief::breaking);
    if (const char* const names = std::getenv("APERTO_SIM_FAULTS"))
        chosen.faults = only(chosen.faults, names);
    return chosen;
}

/// How to run one seed again; with `faults` alone, where they are given.
std::string replay_of(const check_options& options, std::uint64_t seed,
                      const std::optional<std::string>& faults) {
    if (options.replay_command) return options.replay_command(seed);
    static const std::string command = command_line();  // asked for with each seed
    return (faults ? fmt::format("APERTO_SIM_FAULTS={} ", faults->empty() ? "none" : *faults) : "") +
           fmt::format("APERTO_SIM_SEED={} {}", seed, command);
}

/// Empty when the seed passed.
std::string run_one(const check_options& options, const std::function<void(world&)>& scenario,
                    world& tested) {
    try {
        scenario(tested);
        tested.expect_nothing_left();
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& why) {
        return why.what();
    }
    return options.has_failed && options.has_failed() ? "the test noted a failure" : "";
}

/// One that failed, and what was seen of it.
struct failed_run {
    std::string what;
    std::string ladder;
    duration elapsed{};
};

/// Runs it again with fewer faults, as long as it still fails. `told` is then of the last that did.
faults shrink(const check_options& options, const std::function<void(world&)>& scenario,
              const world_options& failing, failed_run& told) {
    return fewest(failing.faults, [&](const faults& fewer) {
        world_options chosen = failing;
        chosen.faults = fewer;
        world tested(chosen);
        const std::string what = run_one(options, scenario, tested);
        if (!what.empty()) told = {what, tested.ladder(), tested.elapsed()};
        return !what.empty();
    });
}

std::string report_of(const check_options& options, std::uint64_t seed, const failed_run& told,
                      const std::optional<std::string>& needed) {
    const std::string why = !needed ? ""
                            : needed->empty()
                                ? "It fails without any fault.\n"
                                : fmt::format("It fails with no other faults than {}.\n", *needed);
    return fmt::format("seed {} failed after {:.3f} ms of its time: {}\n{}\n{}\nreplay:  {}\n", seed,
                       static_cast<double>(told.elapsed.count()) / 1e6, told.what, why, told.ladder,
                       replay_of(options, seed, needed));
}

}  // namespace

check_result check(const check_options& options, const std::function<void(world&)>& scenario) {
    const std::optional<std::uint64_t> single = number_from_environment("APERTO_SIM_SEED");
    const std::uint64_t first = single.value_or(options.first_seed);
    const std::uint64_t count =
        single ? 1 : number_from_environment("APERTO_SIM_SEEDS").value_or(options.seeds);
    check_result seen;
    last_words unless_it_ends(options.real_time_max);
    for (std::uint64_t seed = first; seed - first < count; ++seed) {
        const world_options chosen = options_for(options, seed);
        world tested(chosen);
        unless_it_ends.begin(fmt::format("\nseed {} did not come to its end\nreplay:  {}\n", seed,
                                         replay_of(options, seed, {})));
        const std::string what = run_one(options, scenario, tested);
        unless_it_ends.end();
        ++seen.seeds;
        seen.simulated += tested.elapsed();
        seen.events += tested.events().size();
        if (single) std::fputs(tested.log().c_str(), stderr);
        if (what.empty()) continue;
        seen.failing_seed = seed;
        failed_run told{what, tested.ladder(), tested.elapsed()};
        std::optional<std::string> needed;
        if (!single && !(options.has_failed && options.has_failed())) {
            needed = names_of(shrink(options, scenario, chosen, told));
            seen.needed_faults = *needed;
        }
        seen.report = report_of(options, seed, told, needed);
        if (options.print) std::fprintf(stderr, "%s", seen.report.c_str());
        break;
    }
    return seen;
}

}  // namespace aperto::sim
