// SPDX-License-Identifier: MIT
// Nothing outside a folder is opened by a name from elsewhere, whatever it names.
#include "aperto/descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace aperto {
namespace {

namespace fs = std::filesystem;

class beneath : public testing::Test {
protected:
    void SetUp() override {
        std::string name = (fs::temp_directory_path() / "beneath-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        top_ = name;
        fs::create_directories(top_ / "in" / "deep");
        std::ofstream(top_ / "secret") << "s";
        std::ofstream(top_ / "in" / "file") << "f";
        fs::create_symlink("file", top_ / "in" / "near");
        fs::create_symlink("../secret", top_ / "in" / "far");
        fs::create_symlink(top_ / "secret", top_ / "in" / "absolute");
        fs::create_directory_symlink("..", top_ / "in" / "up");
        ASSERT_EQ(::mkfifo((top_ / "in" / "fifo").c_str(), 0600), 0);
        in_ = descriptor(::open((top_ / "in").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        ASSERT_TRUE(in_);
    }
    void TearDown() override { fs::remove_all(top_); }
    bool opens(const std::string& path, links symbolic = links::refused) const {
        return bool(open_beneath(in_.get(), path, O_RDONLY, symbolic));
    }
    fs::path top_;
    descriptor in_;
};

TEST_F(beneath, what_is_there_is_opened_and_closed_on_exec) {
    for (const char* const path : {"file", ".", "deep", "deep/../file", "./file", "fifo"})
        EXPECT_TRUE(opens(path)) << path;
    const descriptor file = open_beneath(in_.get(), "file", O_RDONLY);
    char read = 0;
    EXPECT_EQ(::read(file.get(), &read, 1), 1);
    EXPECT_EQ(read, 'f');
    EXPECT_EQ(::fcntl(file.get(), F_GETFD), FD_CLOEXEC);
}

TEST_F(beneath, nothing_outside_is_opened_by_any_name_or_link) {
    for (const links each : {links::refused, links::followed}) {
        for (const std::string path : {"..", "../secret", "deep/../../secret", "/etc/passwd", "far",
                                       "absolute", "up", "up/secret", "/proc/self/root/etc/passwd"})
            EXPECT_FALSE(opens(path, each)) << path;
        EXPECT_FALSE(opens((top_ / "in" / "file").string(), each))
            << "an absolute path, even of what is inside";
    }
}

TEST_F(beneath, a_link_inside_is_followed_where_that_is_asked_for) {
    EXPECT_FALSE(opens("near"));
    EXPECT_EQ(errno, ELOOP);
    EXPECT_TRUE(opens("near", links::followed));
    EXPECT_FALSE(opens("absent"));
    EXPECT_EQ(errno, ENOENT);
}

}  // namespace
}  // namespace aperto
