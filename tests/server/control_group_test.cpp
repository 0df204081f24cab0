// SPDX-License-Identifier: MIT
// What a control group leaves a process, in folders that look like those of a machine.
#include "server/control_group.hpp"

#include "server/surroundings.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace aperto {
namespace {

constexpr std::size_t mebi = std::size_t{1024} * 1024;

class machine : public testing::Test {
protected:
    machine() {
        std::string pattern = testing::TempDir() + "/aperto-groups-XXXXXX";
        root = ::mkdtemp(pattern.data());
    }
    ~machine() override { std::filesystem::remove_all(root); }

    void belongs(const std::string& lines) const { write("/proc/self/cgroup", lines); }
    /// A file of a group.
    void says(const std::string& file, const std::string& text) const {
        write("/sys/fs/cgroup" + file, text);
    }
    void write(const std::string& path, const std::string& text) const {
        std::filesystem::create_directories(std::filesystem::path(root + path).parent_path());
        std::ofstream(root + path) << text << '\n';
    }
    std::optional<unsigned> cpu() const { return control_group::cpu_limit(root); }
    std::optional<std::size_t> memory() const { return control_group::memory_limit(root); }

    std::string root;
};

TEST_F(machine, without_groups_has_no_limit) {
    EXPECT_EQ(cpu(), std::nullopt);
    EXPECT_EQ(memory(), std::nullopt);
    belongs("0::/");
    says("/cpu.max", "max 100000");
    says("/memory.max", "max");
    EXPECT_EQ(cpu(), std::nullopt);
    EXPECT_EQ(memory(), std::nullopt);
}

TEST_F(machine, of_version_2_gives_a_quota_rounded_up) {
    belongs("0::/");
    for (const auto& [quota, cores] : {std::pair("100000 100000", 1U),
                                       {"150000 100000", 2U},
                                       {"50000 100000", 1U},
                                       {"200000 100000", 2U},
                                       {"200001 100000", 3U},
                                       {"1000 1000000", 1U}}) {
        says("/cpu.max", quota);
        EXPECT_EQ(cpu(), cores) << quota;
    }
}

TEST_F(machine, of_version_2_is_held_to_the_least_of_its_group_and_those_above) {
    belongs("0::/system.slice/aperto.service");
    says("/system.slice/aperto.service/cpu.max", "max 100000");
    says("/system.slice/aperto.service/memory.max", std::to_string(512 * mebi));
    says("/system.slice/cpu.max", "300000 100000");
    says("/system.slice/memory.max", std::to_string(256 * mebi));
    EXPECT_EQ(cpu(), 3U);
    EXPECT_EQ(memory(), 256 * mebi);
    says("/system.slice/aperto.service/cpu.max", "100000 100000");
    EXPECT_EQ(cpu(), 1U);
}

TEST_F(machine, of_version_1_has_a_folder_for_each_controller) {
    belongs(
        "7:memory:/docker/1a2b\n4:cpu,cpuacct:/docker/1a2b\n1:name=systemd:/docker/1a2b\n0::/system.slice");
    says("/memory/docker/1a2b/memory.limit_in_bytes", std::to_string(128 * mebi));
    says("/memory/memory.limit_in_bytes", "9223372036854771712");
    says("/cpu,cpuacct/docker/1a2b/cpu.cfs_quota_us", "250000");
    says("/cpu,cpuacct/docker/1a2b/cpu.cfs_period_us", "100000");
    says("/cpu,cpuacct/cpu.cfs_quota_us", "-1");
    says("/cpu,cpuacct/cpu.cfs_period_us", "100000");
    EXPECT_EQ(cpu(), 3U);
    EXPECT_EQ(memory(), 128 * mebi);
}

TEST_F(machine, of_version_1_in_a_container_sees_its_own_group_at_the_top) {
    belongs("7:memory:/docker/1a2b\n4:cpu,cpuacct:/docker/1a2b");
    says("/memory/memory.limit_in_bytes", std::to_string(64 * mebi));
    says("/cpu/cpu.cfs_quota_us", "100000");
    says("/cpu/cpu.cfs_period_us", "100000");
    EXPECT_EQ(cpu(), 1U);
    EXPECT_EQ(memory(), 64 * mebi);
}

TEST_F(machine, sets_no_limit_by_a_quota_or_a_period_of_nothing) {
    belongs("4:cpu:/one\n0::/two");
    for (const auto& [quota, period] : {std::pair("0", "100000"), {"100000", "0"}, {"-1", "100000"}}) {
        says("/cpu/one/cpu.cfs_quota_us", quota);
        says("/cpu/one/cpu.cfs_period_us", period);
        says("/two/cpu.max", std::string(quota) + ' ' + period);
        EXPECT_EQ(cpu(), std::nullopt) << quota << " of " << period;
    }
    says("/cpu/one/cpu.cfs_quota_us", "200000");
    EXPECT_EQ(cpu(), 2U) << "the folder is looked into";
}

TEST_F(machine, lets_nobody_out_of_the_folder_of_groups) {
    belongs("0::/../../outside");
    write("/sys/outside/memory.max", std::to_string(mebi));
    says("/memory.max", std::to_string(32 * mebi));
    EXPECT_EQ(memory(), 32 * mebi);
}

TEST_F(machine, tells_a_server_how_much_it_may_take) {
    belongs("0::/");
    says("/cpu.max", "100000 100000");
    says("/memory.max", std::to_string(48 * mebi));
    EXPECT_EQ(cores_allowed(root), 1U);
    EXPECT_EQ(memory_allowed(root), 48 * mebi);
    says("/memory.max", "9223372036854771712");
    says("/cpu.max", "99900000 100000");
    EXPECT_EQ(memory_allowed(root), memory_allowed("/nowhere"))
        << "more than the machine has is the machine's";
    EXPECT_EQ(cores_allowed(root), cores_allowed("/nowhere"));
}

}  // namespace
}  // namespace aperto
