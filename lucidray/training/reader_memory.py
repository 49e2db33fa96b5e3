from lucidray.readers.local.device import choose_device
def device_of(asked): return choose_device(asked)
