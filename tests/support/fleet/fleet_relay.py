"""A long way: what comes to a port goes on to another address, each way later by some seconds.

    fleet_relay.py PORT ADDRESS PORT SECONDS

In place of tc's netem, which not every kernel has. Nothing is reordered, and what is on its way at the same time does
not wait for each other.
"""
import asyncio
import sys


async def carry(reader, writer, delay_s):
    loop = asyncio.get_running_loop()
    way = asyncio.Queue()

    async def deliver():
        while True:
            due, data = await way.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
        writer.close()

    delivery = asyncio.create_task(deliver())
    try:
        while data := await reader.read(65536):
            way.put_nowait((loop.time() + delay_s, data))
    except OSError:
        pass
    way.put_nowait((loop.time() + delay_s, b""))
    try:
        await delivery
    except OSError:
        writer.close()


async def main(port, address, to_port, delay_s):
    async def serve(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(address, to_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(carry(reader, far_writer, delay_s), carry(far_reader, writer, delay_s))

    server = await asyncio.start_server(serve, None, port)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
