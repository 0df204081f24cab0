// SPDX-License-Identifier: MIT
#include "lab/virtual/kernel_image.hpp"

#include "core/environment.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/virtual/machine.hpp"
#include "lab/virtual/sha256.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace aperto::lab {

namespace fs = std::filesystem;

namespace {

std::string first_line_of(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// Beside the labs in a source tree. Empty: it is not there.
fs::path build_script() {
    std::error_code failed;
    auto script = fs::path(labs_folder()).parent_path() / "tools/virtual-linux";
    return fs::exists(script, failed) ? script : fs::path();
}

}  // namespace

std::string kernel_path() {
    if (const auto named = environment("APERTO_VIRTUAL_KERNEL"); !named.empty()) {
        return named;
    }
    const auto cache = environment("XDG_CACHE_HOME");
    return (cache.empty() ? environment("HOME") + "/.cache" : cache) + "/aperto/virtual-linux/linux";
}

bool kernel_is_built() {
    std::error_code failed;
    return fs::is_regular_file(kernel_path(), failed) && ::access(kernel_path().c_str(), X_OK) == 0;
}

std::optional<kernel_image> find_kernel() {
    if (!kernel_is_built()) {
        return std::nullopt;
    }
    std::error_code failed;
    const auto path = kernel_path();
    const auto folder = fs::path(path).parent_path();
    const auto configuration = folder / "configuration";
    return kernel_image{path, first_line_of(folder / "version"),
                        fs::exists(configuration, failed) ? configuration.string() : "",
                        sha256::of_file(path)};
}

std::string build_command() {
    const auto script = build_script();
    return script.empty() ? "tools/virtual-linux" : fs::proximate(script).string();
}

bool offer_to_build() {
    const auto script = build_script().string();
    if (script.empty() || ::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) {
        return false;
    }
    const pid_t builder = ::fork();
    if (builder == 0) {
        ::dup2(STDERR_FILENO, STDOUT_FILENO);
        ::execl(script.c_str(), script.c_str(), nullptr);
        ::_exit(127);
    }
    int status = 1;
    return builder > 0 && ::waitpid(builder, &status, 0) == builder && status == 0;
}

bool inside_virtual_linux() { return !environment(inside_variable).empty(); }

}  // namespace aperto::lab
