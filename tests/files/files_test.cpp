// SPDX-License-Identifier: MIT
// examples/files, in simulated time: both sides on a network that loses, resets and cuts off as the seed likes, on each engine. What
// is there at the end is what was sent, whatever broke.
#include "../examples/files/client.hpp"
#include "aperto/sim.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace aperto {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(std::size_t size, unsigned kind) {
    std::string made(size, ' ');
    for (std::size_t i = 0; i < size; ++i)
        made[i] = static_cast<char>(i * i / 7 + i * kind);
    return made;
}
std::string content(const fs::path& of) {
    std::ostringstream all;
    all << std::ifstream(of, std::ios::binary).rdbuf();
    return all.str();
}

/// Three folders: what is sent, what is served, what comes back.
class files_in_a_simulation : public ::testing::Test {
protected:
    files_in_a_simulation() : all_(fs::temp_directory_path() / ("files_test." + std::to_string(::getpid()))) {
        fs::create_directories(all_ / "source" / "sub");
        std::ofstream(all_ / "source" / "none");
        std::ofstream(all_ / "source" / "small") << bytes_of(1000, 1);
        std::ofstream(all_ / "source" / "sub" / "large") << bytes_of(300'000, 3);
    }
    ~files_in_a_simulation() override { fs::remove_all(all_); }

    files::descriptor fresh(const char* name) const {
        fs::remove_all(all_ / name);
        fs::create_directories(all_ / name);
        return open(name);
    }
    files::descriptor open(const char* name) const {
        return files::descriptor(::open((all_ / name).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    bool is_whole(const char* name) const {
        const fs::path at = all_ / name / "source";
        return content(at / "none").empty() && content(at / "small") == bytes_of(1000, 1) &&
               content(at / "sub" / "large") == bytes_of(300'000, 3) &&
               fs::last_write_time(at / "small") == fs::last_write_time(all_ / "source" / "small") &&
               std::distance(fs::recursive_directory_iterator(all_ / name), {}) == 5;
    }
    files::job job() const {
        files::job made;
        made.where = host_port("office", 9999);
        made.check = [](stream&) {};
        made.patience = std::chrono::hours(1);
        made.lanes = 3;
        made.is_quiet = true;
        made.options.stream.framing = framing::length;
        made.options.stream.idle_timeout = std::chrono::seconds(15);
        return made;
    }

    fs::path all_;
};

struct outcome {
    int failures = 0;
    std::uint64_t breaks = 0;
};
task<> both_ways(files::job& put, files::job& get, server& office, outcome& out) {
    task<> putting = put.run();
    co_await putting;
    get.begin();
    task<> listing = get.list("source", "source");
    co_await listing;
    task<> getting = get.run();
    co_await getting;
    out = {put.failures + get.failures, out.breaks + put.breaks + get.breaks};
    office.stop();
}

TEST_F(files_in_a_simulation, come_whole_whatever_breaks) {
    outcome out;
    for (const engine which : {engine::uring, engine::epoll})
        for (std::uint64_t seed = 1; seed <= 40; ++seed) {
            const files::descriptor source = open("."), served = fresh("served"), back = fresh("back");
            sim::world world({.seed = seed, .faults = sim::faults::swarm(seed, true)});
            sim::host& office = world.add_host("office", {.engine = which});
            sim::host& laptop = world.add_host("laptop", {.engine = which});
            const files::shared_folder here{served.get()};
            server files_server({.host = "office",
                                 .framing = framing::length,
                                 .max_message = 16 * 1024,
                                 .idle_timeout = std::chrono::seconds(30)},
                                [here](stream peer) { return files::serve(std::move(peer), here); });
            files::job put = job(), get = job();
            put.add_source(source.get(), "source", "source");
            get.into = back.get();
            office.spawn(files_server.run_on(office.loop()));
            laptop.spawn(both_ways(put, get, files_server, out));
            ASSERT_NO_THROW(world.run()) << "seed " << seed;
            ASSERT_EQ(out.failures, 0) << "seed " << seed;
            ASSERT_TRUE(is_whole("served")) << "seed " << seed;
            ASSERT_TRUE(is_whole("back")) << "seed " << seed;
        }
    EXPECT_GT(out.breaks, 20U);  // else the network was too kind for a test
    RecordProperty("breaks", static_cast<int>(out.breaks));
}

}  // namespace
}  // namespace aperto
