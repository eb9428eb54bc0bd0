// A worker in ten lines. Try it with a server on this machine:
//
//   qctl submit greet '"world"' --queue hello --wait
#include <quern/quern.h>

#include <iostream>

int main() {
  quern::Client client;
  quern::Worker worker{client, {.queues = {"hello"}, .concurrency = 4}};
  worker.handle("greet", [](quern::Context& context) {
    std::cout << "Hello " << context.payload() << std::endl;
    return R"({"greeted": )" + context.payload() + "}";
  });
  worker.run_until_signal();
}
