// SPDX-License-Identifier: MIT
#include "aperto/sim.hpp"
#include "core/split_mix.hpp"

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
    return chosen;
}

std::string report_of(const check_options& options, const world& tested, const std::string& what) {
    const std::string replay = options.replay_command
                                   ? options.replay_command(tested.seed())
                                   : fmt::format("APERTO_SIM_SEED={} {}", tested.seed(), command_line());
    return fmt::format("seed {} failed after {:.3f} ms of its time: {}\n\n{}\nreplay:  {}\n", tested.seed(),
                       static_cast<double>(tested.elapsed().count()) / 1e6, what, tested.ladder(), replay);
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

}  // namespace

check_result check(const check_options& options, const std::function<void(world&)>& scenario) {
    const std::optional<std::uint64_t> only = number_from_environment("APERTO_SIM_SEED");
    const std::uint64_t first = only.value_or(options.first_seed);
    const std::uint64_t count =
        only ? 1 : number_from_environment("APERTO_SIM_SEEDS").value_or(options.seeds);
    check_result seen;
    for (std::uint64_t seed = first; seed - first < count; ++seed) {
        world tested(options_for(options, seed));
        const std::string what = run_one(options, scenario, tested);
        ++seen.seeds;
        seen.simulated += tested.elapsed();
        seen.events += tested.events().size();
        if (only) std::fputs(tested.log().c_str(), stderr);
        if (what.empty()) continue;
        seen.failing_seed = seed;
        seen.report = report_of(options, tested, what);
        if (options.print) std::fprintf(stderr, "%s", seen.report.c_str());
        break;
    }
    return seen;
}

}  // namespace aperto::sim
