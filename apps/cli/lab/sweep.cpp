// SPDX-License-Identifier: MIT
#include "cli/lab/sweep.hpp"

#include "cli/failure.hpp"
#include "cli/lab/virtual_lab.hpp"
#include "core/descriptor.hpp"
#include "core/display.hpp"
#include "core/sentence.hpp"
#include "core/signal_set.hpp"
#include "lab/input/bad_input.hpp"
#include "lab/input/quantity.hpp"
#include "lab/scenario/junit.hpp"
#include "lab/scenario/library.hpp"
#include "lab/scenario/scenario.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <limits>
#include <thread>

namespace aperto::cli {

namespace {

using wall_clock = std::chrono::steady_clock;

constexpr std::uint64_t seeds_max = 1'000'000;
constexpr std::uint64_t jobs_max = 256;
constexpr int exit_bad_input = 2;
/// From here on an exit code says that there was no run that counts.
constexpr int exit_no_run = 70;

struct sweep_plan {
    std::string scenario;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    std::uint64_t jobs = std::max(1U, std::thread::hardware_concurrency());
    bool stop_at_first = false;
    std::string junit_path;
};

void read_seeds(const std::string& text, sweep_plan& out) {
    const auto dots = text.find("..");
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    out.first = lab::parse_count(text.substr(0, dots), 0, most);
    out.last = dots == std::string::npos ? out.first : lab::parse_count(text.substr(dots + 2), 0, most);
    if (out.last < out.first || out.last - out.first >= seeds_max) {
        throw lab::bad_input(
            sentence(_("--seeds takes the first and the last, 1..1000, at most {} of them"), seeds_max));
    }
}

sweep_plan read_plan(const std::vector<std::string>& args) {
    sweep_plan out;
    bool seeded = false;
    for (std::size_t i = 0; i < args.size(); ++i) {
        const auto equals = args[i].find('=');
        const auto name = args[i].starts_with("--") ? args[i].substr(0, equals) : args[i];
        const auto value = [&]() -> std::string {
            if (args[i].starts_with("--") && equals != std::string::npos) {
                return args[i].substr(equals + 1);
            }
            if (i + 1 == args.size()) {
                throw lab::bad_input(sentence(_("{} needs a value"), name));
            }
            return args[++i];
        };
        if (name == "--seeds") {
            read_seeds(value(), out);
            seeded = true;
        } else if (name == "--jobs") {
            out.jobs = lab::parse_count(value(), 1, jobs_max);
        } else if (name == "--stop-at-first") {
            out.stop_at_first = true;
        } else if (name == "--junit") {
            out.junit_path = value();
        } else if (name.starts_with("-") || !out.scenario.empty()) {
            throw lab::bad_input(sentence(_("'{}' is no option of 'aperto lab sweep'"), name));
        } else {
            out.scenario = name;
        }
    }
    if (out.scenario.empty() || !seeded) {
        throw lab::bad_input(_("name a scenario and its seeds:  aperto lab sweep FILE --seeds 1..1000"));
    }
    lab::load_scenario(lab::scenario_path(out.scenario));  // mistakes are told before the first run
    return out;
}

/// A run of one seed, in a process of its own.
struct seed_run {
    std::uint64_t seed;
    pid_t process;
    descriptor printed;  ///< a file in memory
    wall_clock::time_point began;
};

class sweep {
public:
    explicit sweep(const sweep_plan& plan) : plan_(plan), kernel_(need_virtual_kernel()), next_(plan.first) {}

    int run() {
        signal_set signals({.ending = {SIGINT, SIGTERM, SIGHUP}});
        const auto began = wall_clock::now();
        while (interrupted_ == 0 && (!running_.empty() || wants_more())) {
            while (wants_more() && running_.size() < plan_.jobs) {
                start(next_++);
            }
            pollfd asked{signals.descriptor(), POLLIN, 0};
            ::poll(&asked, 1, 2);
            interrupted_ = signals.take();
            reap();
            show_progress(began);
        }
        for (const auto& one : running_) {
            ::kill(one.process, SIGKILL);
            ::waitpid(one.process, nullptr, 0);
        }
        tell_results(began);
        return interrupted_ != 0 ? exit_by_signal + interrupted_ : code_;
    }

private:
    bool wants_more() const {
        const bool stopped = code_ >= exit_no_run || (plan_.stop_at_first && failed_ > 0);
        return next_ <= plan_.last && !stopped;
    }

    void start(std::uint64_t seed) {
        descriptor printed(::memfd_create("aperto-sweep", MFD_CLOEXEC));
        const pid_t process = ::fork();
        if (process < 0) {
            throw std::system_error(errno, std::system_category(), "fork");
        }
        if (process == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::setpgid(0, 0);
            const int none = ::open("/dev/null", O_RDONLY);
            for (const auto& [from, to] :
                 {std::pair{none, 0}, std::pair{printed.get(), 1}, std::pair{printed.get(), 2}}) {
                ::dup2(from, to);
            }
            ::_exit(run_here(seed));
        }
        running_.push_back({seed, process, std::move(printed), wall_clock::now()});
    }

    /// In the process of one seed.
    int run_here(std::uint64_t seed) const noexcept {
        try {
            const int code = run_seed_virtually(kernel_, plan_.scenario, seed);
            std::fflush(nullptr);
            return code;
        } catch (const std::exception& failed) {
            std::fprintf(stderr, "error: %s\n", failed.what());
            return exit_no_run;
        }
    }

    void reap() {
        for (std::size_t i = 0; i < running_.size();) {
            int status = 0;
            if (::waitpid(running_[i].process, &status, WNOHANG) == 0) {
                ++i;
                continue;
            }
            finish(running_[i], WIFEXITED(status) ? WEXITSTATUS(status) : exit_by_signal + WTERMSIG(status));
            running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
        }
    }

    void finish(const seed_run& one, int code) {
        const std::chrono::duration<double> took = wall_clock::now() - one.began;
        lab::scenario_result result{sentence(_("seed {}"), one.seed), plan_.scenario, took.count(), {}, {}};
        ++done_;
        if (code != 0) {
            ++failed_;
            code_ = std::max(code_, code >= exit_no_run && code < exit_by_signal && code != 124 ? code : 1);
            result.error = text_of(one.printed);
            clear_progress();
            std::fputs(sentence(_("seed {} failed (exit code {}):  aperto lab run {} --virtual --seed {}\n"),
                                one.seed, code, plan_.scenario, one.seed)
                           .c_str(),
                       stdout);
            if (failed_ == 1) {
                std::fputs(result.error.c_str(), stdout);  // the first of them says why
            }
            std::fflush(stdout);
        }
        results_.push_back(std::move(result));
    }

    static std::string text_of(const descriptor& file) {
        std::string out;
        std::array<char, 4096> piece{};
        ::lseek(file.get(), 0, SEEK_SET);
        for (ssize_t got = 0; (got = ::read(file.get(), piece.data(), piece.size())) > 0;) {
            out.append(piece.data(), static_cast<std::size_t>(got));
        }
        return out;
    }

    void show_progress(wall_clock::time_point began) {
        const auto now = wall_clock::now();
        if (::isatty(STDERR_FILENO) == 0 || done_ == 0 || now < next_progress_) {
            return;
        }
        next_progress_ = now + std::chrono::milliseconds(200);
        const auto all = plan_.last - plan_.first + 1;
        const std::chrono::duration<double> passed = now - began;
        const auto left = passed.count() * static_cast<double>(all - done_) / static_cast<double>(done_);
        std::fprintf(stderr, "\r%s\x1b[K",
                     sentence(_("{} of {} seeds, {} failed, about {} s left"), done_, all, failed_,
                              fmt::format("{:.0f}", left))
                         .c_str());
    }

    static void clear_progress() {
        if (::isatty(STDERR_FILENO) != 0) {
            std::fputs("\r\x1b[K", stderr);
        }
    }

    void tell_results(wall_clock::time_point began) {
        clear_progress();
        const std::chrono::duration<double> took = wall_clock::now() - began;
        std::fputs(
            sentence(_("{} seeds in {} s, {} failed\n"), done_, fmt::format("{:.1f}", took.count()), failed_)
                .c_str(),
            stdout);
        if (!plan_.junit_path.empty()) {
            std::ofstream file(plan_.junit_path, std::ios::trunc);
            file << lab::junit_xml(results_);
            if (!file.flush()) {
                throw std::system_error(errno, std::system_category(), plan_.junit_path);
            }
        }
    }

    const sweep_plan& plan_;
    lab::kernel_image kernel_;
    std::uint64_t next_;
    std::vector<seed_run> running_;
    std::vector<lab::scenario_result> results_;
    std::uint64_t done_ = 0;
    std::uint64_t failed_ = 0;
    int code_ = 0;
    int interrupted_ = 0;
    wall_clock::time_point next_progress_{};
};

}  // namespace

int run_sweep(const std::vector<std::string>& args) {
    try {
        const auto plan = read_plan(args);
        return sweep(plan).run();
    } catch (const lab::bad_input& wrong) {
        return tell({exit_bad_input, wrong.what(), {}});
    } catch (const lab::cannot_here& refused) {
        constexpr int exit_cannot_here = 77;
        return tell({exit_cannot_here, refused.what(), refused.remedy()});
    }
}

}  // namespace aperto::cli
