// SPDX-License-Identifier: MIT
#include "aperto/descriptor.hpp"
#include "cli/failure.hpp"
#include "cli/lab/lab.hpp"
#include "core/display.hpp"
#include "core/sentence.hpp"
#include "core/signal_set.hpp"
#include "lab/scenario/scenario.hpp"
#include "lab/view/summary.hpp"
#include "lab/virtual/machine.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>

namespace aperto::cli {

namespace {

using wall_clock = std::chrono::steady_clock;

/// From here on an exit code says that there was no run that counts.
constexpr int exit_no_run = exit_wire;

/// A run of one seed, in a process of its own.
struct seed_run {
    std::uint64_t seed;
    std::size_t place;  ///< of those that run at a time
    pid_t process;
    descriptor printed;  ///< a file in memory
    wall_clock::time_point began;
};

/// Each place has a processor of its own, as far as there are any.
void stay_on_processor_of(std::size_t place) {
    cpu_set_t allowed{};
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return;
    }
    place %= static_cast<std::size_t>(CPU_COUNT(&allowed));
    for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
        if (CPU_ISSET(i, &allowed) && place-- == 0) {
            cpu_set_t only{};
            CPU_SET(i, &only);
            ::sched_setaffinity(0, sizeof only, &only);
            return;
        }
    }
}

class sweep {
public:
    explicit sweep(const lab_request& request)
        : plan_(request.sweep),
          scenario_(request.names.front()),
          junit_path_(request.junit_path),
          kernel_(need_virtual_kernel()),
          next_(plan_.first) {}

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

    std::size_t free_place() const {
        std::size_t place = 0;
        while (std::any_of(running_.begin(), running_.end(),
                           [place](const auto& one) { return one.place == place; })) {
            ++place;
        }
        return place;
    }

    void start(std::uint64_t seed) {
        descriptor printed(::memfd_create("aperto-sweep", MFD_CLOEXEC));
        const auto place = free_place();
        const pid_t process = ::fork();
        if (process < 0) {
            throw std::system_error(errno, std::system_category(), "fork");
        }
        if (process == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::setpgid(0, 0);
            stay_on_processor_of(place);
            const int none = ::open("/dev/null", O_RDONLY);
            for (const auto& [from, to] :
                 {std::pair{none, 0}, std::pair{printed.get(), 1}, std::pair{printed.get(), 2}}) {
                ::dup2(from, to);
            }
            ::_exit(run_here(seed));
        }
        running_.push_back({seed, place, process, std::move(printed), wall_clock::now()});
    }

    /// In the process of one seed.
    int run_here(std::uint64_t seed) const noexcept {
        try {
            const int code = run_seed_virtually(kernel_, scenario_, seed);
            std::fflush(nullptr);
            return code;
        } catch (const lab::machine_failed& failed) {
            return tell({exit_machine, failed.what(), {}});
        } catch (const std::exception& failed) {
            return tell({exit_no_run, failed.what(), {}});
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
        lab::scenario_result result{sentence(_("seed {}"), one.seed), scenario_, took.count(), {}, {}};
        ++done_;
        if (code != 0) {
            ++failed_;
            code_ = std::max(code_,
                             code >= exit_no_run && code < exit_by_signal && code != exit_time_up ? code : 1);
            result.error = text_of(one.printed);
            clear_progress();
            std::fputs(sentence(_("seed {} failed (exit code {}):  aperto lab run {} --virtual --seed {}\n"),
                                one.seed, code, scenario_, one.seed)
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
        if (!junit_path_.empty()) {
            std::ofstream file(junit_path_, std::ios::trunc);
            file << lab::junit_xml(results_);
            if (!file.flush()) {
                throw std::system_error(errno, std::system_category(), junit_path_);
            }
        }
    }

    const sweep_plan& plan_;
    const std::string& scenario_;
    const std::string& junit_path_;
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

int run_sweep(const lab_request& request) {
    lab::load_scenario(lab::scenario_path(request.names.front()));  // mistakes are told before the first run
    return sweep(request).run();
}

}  // namespace aperto::cli
