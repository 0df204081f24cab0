// SPDX-License-Identifier: MIT
// The main function of every test program, in the place of GoogleTest's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

int main(int argc, char** argv) {
    // A shell starts a job in the background with these ignored, and nohup does it too: no test may depend on
    // it.
    for (const int signal : {SIGINT, SIGQUIT, SIGHUP})
        std::signal(signal, SIG_DFL);
    testing::InitGoogleMock(&argc, argv);
    return RUN_ALL_TESTS();
}
