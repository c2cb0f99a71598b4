// The learning rate's factor at every step.
#include "schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace rqvae {
namespace {

constexpr double kPi = 3.14159265358979323846;

std::vector<double> Course(Schedule schedule, double warmup, int64_t total) {
  std::vector<double> course;
  for (int64_t step = 0; step < total; ++step) course.push_back(RateScale(schedule, warmup, step, total));
  return course;
}

TEST(RateScale, IsConstantWithoutAWarmUp) {
  for (const int64_t total : {1, 2, 100}) {
    for (const double scale : Course(Schedule::kConstant, 0, total)) EXPECT_EQ(scale, 1);
  }
}

TEST(RateScale, WarmUpRisesLinearlyFromTheFirstStep) {
  for (const Schedule schedule : {Schedule::kConstant, Schedule::kCosine, Schedule::kLinear}) {
    const std::vector<double> course = Course(schedule, 0.25, 40);
    // Ten steps: a tenth at the first, so that it is not lost, and all at the last.
    for (int step = 0; step < 10; ++step) EXPECT_DOUBLE_EQ(course[static_cast<size_t>(step)], (step + 1) / 10.0);
    EXPECT_EQ(course[10], 1) << "the schedule begins at the top";
  }
}

TEST(RateScale, CosineAndLinearFallOverWhatIsLeft) {
  for (const double warmup : {0.0, 0.1, 0.5}) {
    const int64_t total = 200, rising = static_cast<int64_t>(std::floor(warmup * 200)), left = total - rising;
    const std::vector<double> cosine = Course(Schedule::kCosine, warmup, total);
    const std::vector<double> linear = Course(Schedule::kLinear, warmup, total);
    for (int64_t step = rising; step < total; ++step) {
      const double t = static_cast<double>(step - rising) / static_cast<double>(left);
      EXPECT_NEAR(cosine[static_cast<size_t>(step)], (1 + std::cos(kPi * t)) / 2, 1e-12) << step;
      EXPECT_NEAR(linear[static_cast<size_t>(step)], 1 - t, 1e-12) << step;
    }
    EXPECT_EQ(cosine[static_cast<size_t>(rising)], 1);
    EXPECT_NEAR(cosine[static_cast<size_t>(rising + left / 2)], 0.5, 1e-12);
    EXPECT_NEAR(linear[static_cast<size_t>(rising + left / 2)], 0.5, 1e-12);
    // Zero is where a next step would be: the last one still does something.
    EXPECT_GT(cosine.back(), 0);
    EXPECT_LT(cosine.back(), 1e-3);
    EXPECT_NEAR(linear.back(), 1 / static_cast<double>(left), 1e-12);
    for (size_t step = static_cast<size_t>(rising) + 1; step < cosine.size(); ++step) {
      EXPECT_LT(cosine[step], cosine[step - 1]);
      EXPECT_LT(linear[step], linear[step - 1]);
    }
  }
}

TEST(RateScale, StaysInRangeForShortRunsAndLongWarmUps) {
  for (const Schedule schedule : {Schedule::kConstant, Schedule::kCosine, Schedule::kLinear}) {
    for (const double warmup : {0.0, 0.01, 0.3, 0.999, 1.0}) {
      for (const int64_t total : {1, 2, 3, 7}) {
        for (const double scale : Course(schedule, warmup, total)) {
          EXPECT_GT(scale, 0) << "a step that does nothing";
          EXPECT_LE(scale, 1);
        }
      }
    }
  }
  // A warm-up that is less than a step is none; all of the run is all of it.
  EXPECT_EQ(RateScale(Schedule::kConstant, 0.01, 0, 50), 1);
  EXPECT_EQ(RateScale(Schedule::kCosine, 1, 49, 50), 1);
  EXPECT_DOUBLE_EQ(RateScale(Schedule::kCosine, 1, 0, 50), 0.02);
}

}  // namespace
}  // namespace rqvae
