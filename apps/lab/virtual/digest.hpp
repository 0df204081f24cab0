// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aperto::lab {

/// What a run in the virtual Linux was made of and what it gave: the last line of its JSON. Whoever has the
/// same kernel and programs gets the same result from it.
struct digest {
    std::uint64_t seed = 0;
    std::string kernel;  ///< SHA-256
    std::string kernel_version;
    std::map<std::string, std::string> programs;  ///< SHA-256 by path
    std::string result;                           ///< SHA-256 of the events
    std::vector<std::string> arguments;           ///< of `aperto lab`
    std::string folder;                           ///< in which it was run

    /// With its line break.
    std::string line() const;
    /// Takes it off the end of a report. None where there is none, or none that can be read.
    static std::optional<digest> take_from(std::string& report);
};

std::string result_hash(std::string_view events);

/// By the path at which each is found from here, this program among them.
std::map<std::string, std::string> hash_programs(const std::vector<std::string>& programs);

/// A sentence for each thing that is not what it was.
std::vector<std::string> what_changed(const digest& was, const std::string& kernel,
                                      const std::map<std::string, std::string>& programs);

/// Whether `path` is what `name` means, in which `{}` stands for anything.
bool is_named_by(std::string_view path, std::string_view name);

struct difference {
    std::size_t number;  ///< of the line, from 1
    std::string then;
    std::string now;
};
difference first_difference(std::string_view then, std::string_view now);
std::size_t count_lines(std::string_view text);

}  // namespace aperto::lab
